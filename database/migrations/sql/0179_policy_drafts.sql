-- Escalation policies that somebody works on: not in force, and not necessarily right.
CREATE TABLE policy_draft (
    code       text PRIMARY KEY,
    fields     jsonb NOT NULL,                        -- dispatch/ladders/drafts.py
    version    integer NOT NULL DEFAULT 1,            -- rises with each change: two people at once get a clear answer
    changed_at timestamptz NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    actor_zh   text NOT NULL,                         -- the person's name at that time
    actor_en   text NOT NULL
);
