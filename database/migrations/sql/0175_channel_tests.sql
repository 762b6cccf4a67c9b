-- A message that somebody sends to themselves to see whether a channel works. It goes the way of every message.
-- 0177 checks the rows that exist, without this lock.

CREATE TABLE channel_test (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel    text NOT NULL,
    address    text NOT NULL,                    -- a telephone number, an account's id, an organisation's code …
    name_zh    text NOT NULL,
    name_en    text NOT NULL,
    language   text NOT NULL CHECK (language IN ('zh', 'en')),
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX channel_test_account ON channel_test (account_id, asked_at);

ALTER TABLE notification
    ADD COLUMN channel_test_id bigint REFERENCES channel_test ON DELETE CASCADE,
    DROP CONSTRAINT notification_about,
    ADD CONSTRAINT notification_about
        CHECK (num_nonnulls(alert_id, warning_id, duty_test_id, channel_test_id) = 1) NOT VALID,
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check CHECK (reason IN (
        'escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster', 'duty_test', 'support',
        'order_off', 'channel_test')) NOT VALID;
CREATE UNIQUE INDEX notification_channel_test_once ON notification (channel_test_id) WHERE channel_test_id IS NOT NULL;
