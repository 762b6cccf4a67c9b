-- Bulk exports of other systems: what was asked for, how far it is, and the files.

CREATE TABLE exchange_export (
    id          uuid PRIMARY KEY,
    account_id  integer NOT NULL REFERENCES account ON DELETE CASCADE,
    token_id    integer NOT NULL REFERENCES machine_token ON DELETE CASCADE,
    request     text NOT NULL,                   -- the address that was asked
    types       text[] NOT NULL,
    since       timestamptz,                     -- NULL: from the beginning
    until       timestamptz NOT NULL,            -- readings up to here: the moment of the request
    residents   integer[] NOT NULL,              -- those who agreed at that moment, each asked again on its turn
    done        integer NOT NULL DEFAULT 0,      -- residents that are written
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'deleted')),
    problem_zh  text NOT NULL DEFAULT '',
    problem_en  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX exchange_export_open ON exchange_export (created_at) WHERE state IN ('waiting', 'running');
CREATE INDEX exchange_export_account ON exchange_export (account_id, created_at);

CREATE TABLE exchange_export_file (
    export_id uuid NOT NULL REFERENCES exchange_export ON DELETE CASCADE,
    number    integer NOT NULL,
    type      text NOT NULL,
    count     bigint NOT NULL DEFAULT 0,
    bytes     bigint NOT NULL DEFAULT 0,         -- written and counted; what lies behind it in the file is cut off
    PRIMARY KEY (export_id, number)
);
