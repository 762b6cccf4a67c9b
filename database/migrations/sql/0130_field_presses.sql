-- Steps from a telephone that may lose its signal: each press once, with the time of the press and of its arrival.
CREATE TABLE field_press (
    key               uuid PRIMARY KEY,           -- made at the press: a repetition finds it here and changes nothing
    person            text NOT NULL,              -- 'staff:CODE', 'organisation:CODE', 'contact:RESIDENT'
    order_id          uuid REFERENCES work_order,
    alert_id          uuid REFERENCES alert,
    action            text NOT NULL,              -- dispatch/orders/presses.py
    client_pressed_at timestamptz,                -- by the telephone's own clock; NULL: it did not say
    pressed_at        timestamptz NOT NULL,       -- by ours, within bounds
    received_at       timestamptz NOT NULL,
    result            text NOT NULL CHECK (result IN ('done', 'already', 'refused')),
    message_zh        text NOT NULL DEFAULT '',   -- what the person was told
    message_en        text NOT NULL DEFAULT ''
);
CREATE INDEX field_press_order ON field_press (order_id) WHERE order_id IS NOT NULL;

-- What was found at the door; the person at the desk who closes the alert finds it in the form.
CREATE TABLE visit_result (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id uuid NOT NULL REFERENCES alert,
    order_id uuid REFERENCES work_order,
    person   text NOT NULL,                       -- as in field_press
    name_zh  text NOT NULL,                       -- at that time
    name_en  text NOT NULL,
    at       timestamptz NOT NULL,
    card     text NOT NULL,                       -- dispatch/orders/results.py
    outcome  text,                                -- dispatch/alerts/outcomes.py; NULL: it is no end (nobody opened)
    cause    text NOT NULL DEFAULT 'unknown',
    injury   text NOT NULL DEFAULT 'unknown',
    hospital text NOT NULL DEFAULT 'unknown',
    actions  text[] NOT NULL DEFAULT '{}',
    note     text NOT NULL DEFAULT ''
);
CREATE INDEX visit_result_alert ON visit_result (alert_id, id);

-- A second person for the same door: an order that supports another one stands beside it.
ALTER TABLE work_order ADD COLUMN supports uuid REFERENCES work_order;
DROP INDEX work_order_once;
CREATE UNIQUE INDEX work_order_once ON work_order (alert_id, service, coalesce(supports, alert_id))
    WHERE state NOT IN ('done', 'cancelled');
CREATE TRIGGER visit_result_append_only BEFORE UPDATE OR DELETE ON visit_result
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
