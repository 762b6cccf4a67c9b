-- Readings that other systems bring: each once, and the frames in which they go to ingest and alerting by the broker.

CREATE TABLE exchange_observation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    token_id    integer REFERENCES machine_token ON DELETE SET NULL,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    series_id   integer NOT NULL REFERENCES series ON DELETE CASCADE,
    channel     text NOT NULL,
    time        timestamptz NOT NULL,            -- to the millisecond
    value       real NOT NULL,                   -- in the channel's unit
    identifier  bytea,                           -- sha256 of the sender's own; NULL: it gave none
    received_at timestamptz NOT NULL,
    UNIQUE (account_id, resident_id, channel, time)
);
CREATE UNIQUE INDEX exchange_observation_identifier ON exchange_observation (account_id, identifier, channel)
    WHERE identifier IS NOT NULL;
CREATE INDEX exchange_observation_time ON exchange_observation (time);

CREATE TABLE exchange_stream (
    gateway_id integer PRIMARY KEY REFERENCES gateway ON DELETE CASCADE,
    seq        bigint NOT NULL                   -- the highest number given; ingest's marks know the same stream
);

-- Written with the observations; deleted when the broker has them.
CREATE TABLE exchange_frame (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL
);
