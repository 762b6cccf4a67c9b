-- The round in which an alert's present ladder began: a higher severity or an alert opened again begins with round 1.

ALTER TABLE alert ADD COLUMN first_round integer NOT NULL DEFAULT 0;

-- Desks that asked for support in a flood of alerts, and whoever was told of it.
CREATE TABLE desk_support (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    area       ltree NOT NULL,                        -- whose alerts
    account_id integer REFERENCES account,
    actor      text NOT NULL,                         -- the person's name at that time
    alert_id   uuid NOT NULL REFERENCES alert,        -- the gravest that waits, of which the messages speak
    waiting    integer NOT NULL,                      -- alerts that nobody had taken
    told       integer NOT NULL                       -- people and desks that were told
);
CREATE INDEX desk_support_at ON desk_support (at DESC);
