-- How far each alerting process has come, so that consoles tell a quiet night from a detection that stands still.

CREATE TABLE alerting_worker (
    name       text PRIMARY KEY,
    handled_at timestamptz,          -- when the newest message that it has handled had arrived; NULL: none since its start
    waiting    integer NOT NULL,     -- messages that have arrived and are not handled
    seen_at    timestamptz NOT NULL
);
