-- Before somebody's time on duty begins, a message asks whether they are there; without an answer they are not counted on.
CREATE TABLE duty_test (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id        integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    organisation_id integer NOT NULL REFERENCES organisation, -- where the time begins
    starts_at       timestamptz NOT NULL,        -- of the unbroken time on duty
    asked_at        timestamptz NOT NULL,        -- by the database's clock
    answered_at     timestamptz,
    CONSTRAINT duty_test_once UNIQUE (staff_id, starts_at) -- several processes ask: each time once
);
CREATE INDEX duty_test_starts ON duty_test (starts_at);

ALTER TABLE duty_warning
    ADD COLUMN silent boolean NOT NULL DEFAULT false; -- people are on the roster there, and did not answer

-- A notification is about an alert, a hole in the roster, or a test of its recipient.
ALTER TABLE notification
    ADD COLUMN duty_test_id bigint REFERENCES duty_test ON DELETE CASCADE,
    DROP CONSTRAINT notification_about,
    ADD CONSTRAINT notification_about CHECK (num_nonnulls(alert_id, warning_id, duty_test_id) = 1),
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check
        CHECK (reason IN ('escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster', 'duty_test'));
CREATE UNIQUE INDEX notification_duty_test_once ON notification (duty_test_id) WHERE duty_test_id IS NOT NULL;

-- Some hundred tests a day: they go with their messages after thirty days.
CREATE FUNCTION drop_old_duty_tests() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    old  bigint[] := ARRAY(SELECT id FROM duty_test WHERE starts_at < now() - INTERVAL '30 days' LIMIT 5000);
    sent bigint[] := ARRAY(SELECT message_id FROM notification
                           WHERE duty_test_id = ANY (old) AND message_id IS NOT NULL);
BEGIN
    DELETE FROM duty_test WHERE id = ANY (old); -- and the notifications
    DELETE FROM delivery_attempt WHERE message_id = ANY (sent);
    DELETE FROM outbox_entry WHERE message_id = ANY (sent);
    DELETE FROM message WHERE id = ANY (sent);
END $$;
