-- Previews of thresholds by replay: their results outlive the console's process. One that ran when it ended has none.
CREATE TABLE threshold_preview (
    id         text PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    name       text NOT NULL,                    -- the parameter
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail     jsonb NOT NULL                    -- where, with which value, and what came of it
);
CREATE INDEX threshold_preview_account ON threshold_preview (account_id, name, begun_at);
