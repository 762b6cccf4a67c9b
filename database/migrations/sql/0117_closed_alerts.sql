-- Closed alerts are found by rule, owner and outcome, the newest first; a desk may ask others for support.

CREATE INDEX alert_closed_rule ON alert (rule, closed_at DESC, id) WHERE closed_at IS NOT NULL;
CREATE INDEX alert_closed_owner ON alert (owner_id, closed_at DESC, id) WHERE closed_at IS NOT NULL;
CREATE INDEX alert_closed_outcome ON alert (outcome, closed_at DESC, id) WHERE closed_at IS NOT NULL;
CREATE INDEX alert_closed_severity ON alert (severity, closed_at DESC, id) WHERE closed_at IS NOT NULL;

ALTER TABLE notification
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check CHECK (reason IN (
        'escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster', 'duty_test', 'support')) NOT VALID;
-- 0156 checks the rows that exist, without this lock
