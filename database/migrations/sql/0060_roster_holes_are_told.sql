-- A notification is about an alert, or about hours to come in which nobody would answer one.

UPDATE duty_warning SET gone_at = now() WHERE gone_at IS NULL; -- found anew at the next look, with their areas
ALTER TABLE duty_warning
    ADD COLUMN place_en   text NOT NULL DEFAULT '',
    ADD COLUMN areas      ltree[] NOT NULL DEFAULT '{}',  -- where the homes are
    ADD COLUMN severity   text NOT NULL DEFAULT 'attention' CHECK (severity IN ('urgent', 'attention')),
    ADD COLUMN seen_until timestamptz NOT NULL DEFAULT now(); -- the roster was looked at as far as this
ALTER TABLE duty_warning ALTER COLUMN seen_until DROP DEFAULT;

ALTER TABLE notification
    ALTER COLUMN alert_id DROP NOT NULL,
    ADD COLUMN warning_id bigint REFERENCES duty_warning,
    ADD CONSTRAINT notification_about CHECK (num_nonnulls(alert_id, warning_id) = 1),
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check
        CHECK (reason IN ('escalation', 'update', 'breach', 'work_order', 'handover', 'roster'));
CREATE UNIQUE INDEX notification_warning_once ON notification (warning_id, recipient_kind, recipient_key)
    WHERE warning_id IS NOT NULL;
