-- Programs for gateways, offered ring by ring: shouwang/gateways/rollout.py decides.
CREATE TABLE program_rollout (
    version     bigint PRIMARY KEY,
    release     text NOT NULL,
    rings       integer NOT NULL CHECK (rings > 0),
    ring        integer NOT NULL DEFAULT 1,      -- which is offered now, counted from 1
    healthy_for interval NOT NULL,               -- so long a ring has to be well before the next one begins
    whole_at    timestamptz,                     -- since when this ring is well
    started_at  timestamptz NOT NULL DEFAULT now(),
    started_by  text NOT NULL,
    ended_at    timestamptz,
    stopped     text NOT NULL DEFAULT ''         -- why it stopped by itself; '' where it did not
);
CREATE TABLE program_offer (
    version    bigint NOT NULL REFERENCES program_rollout ON DELETE CASCADE,
    gateway_id integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
    ring       integer NOT NULL,
    state      text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'trying', 'running', 'returned', 'refused', 'silent')),
    text       text NOT NULL DEFAULT '',         -- why it waits, or the gateway's own words
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, gateway_id)
);
CREATE INDEX program_offer_gateway ON program_offer (gateway_id);
