-- Changes of alerts told to other systems.

CREATE TABLE webhook (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE, -- the other system's
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    url        text NOT NULL CHECK (length(url) <= 500),
    secret     bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64), -- signs; the console writes it and never reads it
    events     text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 10),
    area_path  ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    created_at timestamptz NOT NULL,
    created_by integer REFERENCES account,
    paused_at  timestamptz,                      -- NULL: it is told; what happens meanwhile is told afterwards
    removed_at timestamptz,
    position   bigint NOT NULL                   -- of sealed_entry, which commits in this order: up to it all is queued
);
CREATE INDEX webhook_account ON webhook (account_id);

CREATE TABLE webhook_delivery (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id integer NOT NULL REFERENCES webhook ON DELETE CASCADE,
    alert_id   uuid NOT NULL REFERENCES alert ON DELETE CASCADE,
    event_id   bigint NOT NULL,                  -- of alert_event
    message_id text NOT NULL UNIQUE,             -- the same at each attempt: the receiver tells a repetition by it
    kind       text NOT NULL,
    body       text NOT NULL,                    -- as it is signed and sent
    created_at timestamptz NOT NULL,
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'parked', 'dropped')),
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL,
    give_up_at timestamptz NOT NULL,
    done_at    timestamptz,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_order ON webhook_delivery (webhook_id, alert_id, id) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_parked ON webhook_delivery (webhook_id) WHERE state = 'parked';

CREATE TABLE webhook_attempt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    attempt     integer NOT NULL,
    status      integer,                         -- of HTTP; NULL: no answer
    ms          integer NOT NULL,
    error       text NOT NULL DEFAULT ''
);
CREATE INDEX webhook_attempt_delivery ON webhook_attempt (delivery_id, id);
