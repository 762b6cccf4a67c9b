-- Identities of which more sessions were opened at a broker than anybody honest opens, as the program beside it sees it.

CREATE TABLE session_excess (
    broker   text NOT NULL,                      -- the machine's name
    identity text NOT NULL,                      -- a gateway, a service, or 'address …' where the broker tells no name
    seen     integer NOT NULL,                   -- client ids within the last hour
    since    timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (broker, identity)
);

ALTER TABLE broker_store ADD COLUMN sessions_at timestamptz;  -- when sessions were looked at last; NULL: never
