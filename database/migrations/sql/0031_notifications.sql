-- Who has to be told about an alert, and how far that is: a row is a durable job.

-- One message to one recipient, over one channel of theirs after the other. It tells of one alert, or of many alike.
CREATE TABLE message (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            uuid NOT NULL UNIQUE,         -- from its first notification; peers know a repetition by it
    recipient_kind text NOT NULL,
    recipient_key  text NOT NULL,
    severity       text NOT NULL CHECK (severity IN ('emergency', 'urgent', 'attention', 'technical')),
    reason         text NOT NULL,
    name_zh        text NOT NULL,                -- whom it tells
    name_en        text NOT NULL,
    language       text NOT NULL CHECK (language IN ('zh', 'en')),
    route          text[] NOT NULL,              -- channels in the order in which they are tried
    addresses      jsonb NOT NULL,               -- channel: where this recipient is reached there
    position       smallint NOT NULL DEFAULT 1,  -- the present one of the route
    channel        text NOT NULL,                -- route[position]
    content        jsonb NOT NULL,               -- dispatch.channels.wording.Content: the same at every attempt
    state          text NOT NULL DEFAULT 'waiting'
                   CHECK (state IN ('waiting', 'sending', 'sent', 'delivered', 'failed', 'withdrawn')),
    created_at     timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,         -- not sent before: quiet hours, pause before the next attempt
    attempts       smallint NOT NULL DEFAULT 0,  -- on the present channel
    claimed_by     text,
    claimed_until  timestamptz,                  -- a worker that was killed lets go of it then
    receipt_due    timestamptz                   -- sent, and the receipt that the channel promises is awaited until then
);
CREATE INDEX message_due ON message (channel, due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX message_receipt_due ON message (receipt_due) WHERE state = 'sent' AND receipt_due IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient_kind, recipient_key, created_at);
CREATE INDEX message_created ON message (created_at);

CREATE TABLE notification (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id       uuid NOT NULL REFERENCES alert,
    reason         text NOT NULL CHECK (reason IN ('escalation', 'update', 'breach', 'work_order', 'handover')),
    step           integer NOT NULL,
    round          integer NOT NULL,
    recipient_kind text NOT NULL CHECK (recipient_kind IN ('staff', 'contact', 'organisation', 'service')),
    recipient_key  text NOT NULL,                -- staff code, 'R0001/0755-…', organisation code, '120'
    at             timestamptz NOT NULL,         -- when it was decided, by the caller's clock
    due_at         timestamptz NOT NULL,         -- then what is alike goes into one message, by the database's clock
    page           jsonb,                        -- where its link leads: dispatch.channels.notifications.Page; NULL: to acknowledge
    state          text NOT NULL DEFAULT 'waiting'
                   CHECK (state IN ('waiting', 'sent', 'delivered', 'failed', 'withdrawn', 'acknowledged')),
    settled_at     timestamptz,                  -- sent, failed, withdrawn or acknowledged since
    failover_of    bigint REFERENCES notification, -- told instead of somebody who could not be reached
    message_id     bigint REFERENCES message,
    UNIQUE (alert_id, reason, step, round, recipient_kind, recipient_key)
);
CREATE INDEX notification_to_plan ON notification (due_at) WHERE state = 'waiting' AND message_id IS NULL;
CREATE INDEX notification_message ON notification (message_id);

CREATE TABLE delivery_attempt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  bigint NOT NULL REFERENCES message,
    channel     text NOT NULL,
    number      smallint NOT NULL,               -- 1: the first on this channel
    worker      text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,                     -- NULL: under way, or the worker was killed and nobody knows
    outcome     text CHECK (outcome IN ('sent', 'retryable', 'permanent')),
    error       text NOT NULL DEFAULT '',
    provider_id text NOT NULL DEFAULT '',        -- the peer's number for it
    receipt     text CHECK (receipt IN ('delivered', 'undelivered', 'late')),
    receipt_at  timestamptz
);
CREATE INDEX delivery_attempt_message ON delivery_attempt (message_id, id);

-- How somebody wants to be told. Without a row: the channels of their kind in the settings, no quiet hours.
CREATE TABLE notification_preference (
    recipient_kind text NOT NULL CHECK (recipient_kind IN ('staff', 'contact', 'organisation', 'service')),
    recipient_key  text NOT NULL,
    channels       text[] NOT NULL DEFAULT '{}', -- in order; empty: as in the settings
    language       text CHECK (language IN ('zh', 'en')), -- NULL: the contact's or the login's
    quiet_from     time,                         -- by Asia/Shanghai's clock; never holds an emergency
    quiet_until    time,
    addresses      jsonb NOT NULL DEFAULT '{}',  -- channel: address, where the registry has none (e-mail)
    PRIMARY KEY (recipient_kind, recipient_key),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);

-- Browsers that agreed to receive Web Push (RFC 8030), and their keys (RFC 8291).
CREATE TABLE push_subscription (
    endpoint   text PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    p256dh     text NOT NULL,
    auth       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_subscription_account ON push_subscription (account_id);

-- Links that change something work once.
CREATE TABLE used_link (
    token_hash bytea PRIMARY KEY,                -- sha256
    purpose    text NOT NULL,
    used_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL              -- afterwards the row may go: the link is refused by its date
);
CREATE INDEX used_link_expires ON used_link (expires_at);

-- What the demonstration's local channel received, instead of telephones.
CREATE TABLE outbox_entry (
    key        uuid PRIMARY KEY,                 -- a repetition changes nothing: exactly once
    message_id bigint NOT NULL REFERENCES message,
    channel    text NOT NULL,
    at         timestamptz NOT NULL,
    text       text NOT NULL,
    link       text NOT NULL DEFAULT ''
);
CREATE INDEX outbox_entry_at ON outbox_entry (at);
