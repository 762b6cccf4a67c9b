-- Whoever was told of an alert is told, too, when its cause is over.

ALTER TABLE notification
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check
        CHECK (reason IN ('escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster'));
