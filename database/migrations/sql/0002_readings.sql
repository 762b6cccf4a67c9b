-- What the homes send.
CREATE TABLE series (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    channel   text NOT NULL,                     -- a code of channels.toml
    UNIQUE (device_id, channel)
);

CREATE TABLE reading (
    time      timestamptz NOT NULL,
    series_id integer NOT NULL,
    value     real NOT NULL
);

CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id  integer NOT NULL REFERENCES gateway,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    device_id   integer NOT NULL REFERENCES device,
    kind        text NOT NULL,
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    "values"    jsonb NOT NULL DEFAULT '{}',
    evidence    bytea NOT NULL DEFAULT '',
    UNIQUE (gateway_id, epoch, seq)
);
CREATE INDEX event_device_time ON event (device_id, time DESC);

-- The bookkeeping of exactly-once: what of each numbered stream has been stored. Committed with the rows themselves.
CREATE TABLE ingest_stream (
    gateway_id integer NOT NULL REFERENCES gateway,
    epoch      bigint NOT NULL,
    stream     text NOT NULL CHECK (stream IN ('live', 'backfill')),
    high       bigint NOT NULL,                       -- highest sequence number stored
    gaps       int8multirange NOT NULL DEFAULT '{}',  -- numbers below it that never came
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (gateway_id, epoch, stream)
);

-- What could not be stored, with the bytes, to be looked at and processed again. The same bytes for the same reason
-- are one row with a count: a device that repeats its mistake must not fill the disk.
CREATE TABLE quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    times       bigint NOT NULL DEFAULT 1,
    topic       text NOT NULL,
    gateway     text,                                 -- as the topic names it; it may be unknown
    code        text NOT NULL,                        -- machine-readable reason: 'undecodable', 'unknown device', …
    reason      text NOT NULL,                        -- for a person: what is wrong and what to do
    size        integer NOT NULL,
    sha256      bytea NOT NULL,
    payload     bytea NOT NULL,                       -- the first 256 KiB
    settled_at  timestamptz,                          -- re-processed or discarded
    settled_how text,
    UNIQUE (sha256, code, topic)
);
