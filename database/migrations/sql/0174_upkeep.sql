-- What people ask of machines from a page: a gateway's self test or configuration, the quarantine, gaps, the retention.
-- The console asks; the service that has the rights and the keys for it carries it out.

CREATE TABLE upkeep_request (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN (
                  'self_test', 'update_config', 'reprocess', 'discard', 'ask_gaps', 'accept_gaps', 'retention')),
    subject   text NOT NULL,                     -- the gateway's name, a group of the quarantine; for lists
    detail    jsonb NOT NULL DEFAULT '{}',
    body      bytea NOT NULL DEFAULT '',         -- update_config: the signed configuration
    login     text NOT NULL,                     -- who asked
    asked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at    timestamptz NOT NULL DEFAULT clock_timestamp(), -- until then it can be withdrawn
    state     text NOT NULL DEFAULT 'queued' CHECK (state IN (
                  'queued', 'sent', 'done', 'refused', 'unknown', 'withdrawn')),
    sent_at   timestamptz,
    ends_at   timestamptz,                       -- sent, and no answer by then: nobody knows
    ended_at  timestamptz,
    answer    text NOT NULL DEFAULT ''
);
CREATE INDEX upkeep_request_open ON upkeep_request (kind, due_at) WHERE state IN ('queued', 'sent');
CREATE INDEX upkeep_request_subject ON upkeep_request (subject, id);

-- A retired device watches nobody; its readings stay.
ALTER TABLE device
    ADD COLUMN retired_at  timestamptz,
    ADD COLUMN retired_why text NOT NULL DEFAULT '',
    ADD COLUMN replaced_by integer REFERENCES device ON DELETE SET NULL;

-- Somebody said that this is none of ours: it is shown no more.
ALTER TABLE pairing
    ADD COLUMN refused_at timestamptz,
    ADD COLUMN refused_by text NOT NULL DEFAULT '';

-- What each device last said of itself, for lists of thousands: as the observer of the protection picture heard it.
CREATE TABLE device_now (
    device_id integer PRIMARY KEY REFERENCES device ON DELETE CASCADE,
    heard_at  timestamptz,                       -- behind the truth by some minutes at most
    battery   smallint                           -- %
);
CREATE INDEX device_now_battery ON device_now (battery) WHERE battery IS NOT NULL;
CREATE INDEX quarantine_open_id ON quarantine (code, gateway, id) WHERE settled_at IS NULL;
