-- Indexes of lists and pages that had to read whole tables once a year of work was behind them.

CREATE INDEX work_order_alert ON work_order (alert_id);             -- an alert's page: the orders of it, also those done
CREATE INDEX work_order_done_by ON work_order (staff_id, done_at) WHERE state = 'done';
CREATE INDEX work_order_done ON work_order (done_at) WHERE state = 'done';
CREATE INDEX stream_gap_waiting ON stream_gap (id) WHERE state IN ('open', 'asked');
CREATE INDEX device_named ON device (name);                         -- search by name: the different names are few
CREATE INDEX device_model ON device (model);
CREATE INDEX alert_household_raised ON alert (household_id, raised_at); -- a street's month: its homes are few of many
