-- A person on the way is told that their order is off. 0158 checks the rows that exist, without this lock.

ALTER TABLE notification
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check CHECK (reason IN (
        'escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster', 'duty_test', 'support', 'order_off')) NOT VALID;
