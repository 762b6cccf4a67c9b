-- Who is called when, until somebody answers. Versions stay: a change of policy never changes an alert that is open.
CREATE TABLE escalation_policy (
    code       text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    active     boolean NOT NULL DEFAULT true,    -- false: this code no longer applies, since this version
    policy     jsonb NOT NULL,                   -- dispatch/ladders/policy.py
    changed_at timestamptz NOT NULL DEFAULT now(),
    account_id integer REFERENCES account,       -- NULL: the program
    PRIMARY KEY (code, version)
);

ALTER TABLE alert
    ADD COLUMN policy       jsonb,                        -- the copy made when the alert opened
    ADD COLUMN step         integer NOT NULL DEFAULT 0,   -- the step that comes next, from 0
    ADD COLUMN round        integer NOT NULL DEFAULT 0,   -- how often the ladder was begun before
    ADD COLUMN next_step_at timestamptz;                  -- by the database's clock; NULL: nothing is due
-- Whoever opened an alert by another way than lifecycle.raise_alert: it is called out all the same.
ALTER TABLE alert ALTER COLUMN next_step_at SET DEFAULT clock_timestamp();
UPDATE alert SET next_step_at = clock_timestamp()
WHERE state = 'raised' AND raised_at > clock_timestamp() - INTERVAL '1 day';
CREATE INDEX alert_next_step ON alert (next_step_at) WHERE next_step_at IS NOT NULL;
CREATE INDEX alert_raised ON alert (raised_at);

-- The processes that climb the ladders, as they last said.
CREATE TABLE dispatch_worker (
    name             text PRIMARY KEY,
    started_at       timestamptz NOT NULL,
    seen_at          timestamptz NOT NULL,
    steps            bigint NOT NULL,                     -- carried out since its start
    latest_s         double precision NOT NULL            -- how late the latest of them was in the last minute
);

-- Every attempt to call somebody about an alert (26 TAC § 279.79: who, when, with what result). Append-only.
CREATE TABLE call_attempt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    uuid NOT NULL REFERENCES alert,
    called_kind text NOT NULL CHECK (called_kind IN ('resident', 'staff', 'contact', 'organisation', 'service')),
    called_key  text NOT NULL,                            -- resident or staff code, 'R0001/0755-…', organisation, '120'
    started_at  timestamptz NOT NULL,
    answered_at timestamptz,                              -- NULL: nobody answered
    ended_at    timestamptz NOT NULL,
    result      text NOT NULL CHECK (result IN ('answered', 'no_answer', 'busy', 'unreachable', 'declined')),
    account_id  integer REFERENCES account,
    actor       text NOT NULL,
    origin      text NOT NULL DEFAULT '',
    note        text NOT NULL DEFAULT '',
    CHECK (started_at <= ended_at),
    CHECK (answered_at IS NULL OR answered_at BETWEEN started_at AND ended_at),
    CHECK ((result = 'answered') <= (answered_at IS NOT NULL))
);
CREATE INDEX call_attempt_alert ON call_attempt (alert_id, started_at);
CREATE TRIGGER call_attempt_append_only BEFORE UPDATE OR DELETE ON call_attempt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER call_attempt_no_truncate BEFORE TRUNCATE ON call_attempt
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What it was, in codes (dispatch/alerts/outcomes.py), beside the outcome in the alert's row.
CREATE TABLE alert_finding (
    alert_id   uuid PRIMARY KEY REFERENCES alert,
    at         timestamptz NOT NULL,
    verdict    text NOT NULL CHECK (verdict IN ('true', 'false', 'test')),
    cause      text NOT NULL,
    injury     text NOT NULL,
    hospital   text NOT NULL,
    actions    text[] NOT NULL,
    account_id integer REFERENCES account
);

-- From one shift to the next, with every alert that was open then.
CREATE TABLE handover (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area         ltree NOT NULL,                          -- whose alerts
    offered_at   timestamptz NOT NULL,
    from_account integer REFERENCES account,
    from_name    text NOT NULL,
    note         text NOT NULL DEFAULT '',
    accepted_at  timestamptz,
    to_account   integer REFERENCES account,
    to_name      text,
    CHECK ((accepted_at IS NULL) = (to_name IS NULL))
);
CREATE INDEX handover_offered ON handover (offered_at);
CREATE TABLE handover_alert (
    handover_id bigint NOT NULL REFERENCES handover,
    alert_id    uuid NOT NULL REFERENCES alert,
    state       text NOT NULL,                            -- as it was handed over
    version     integer NOT NULL,
    PRIMARY KEY (handover_id, alert_id)
);

-- Hours to come in which a ladder would reach nobody.
CREATE TABLE duty_warning (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place     text NOT NULL,                              -- the areas whose homes it concerns
    posts     text[] NOT NULL,                            -- the organisations that have nobody
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    text_zh   text NOT NULL,
    text_en   text NOT NULL,
    found_at  timestamptz NOT NULL,
    gone_at   timestamptz                                 -- mended since
);
CREATE UNIQUE INDEX duty_warning_once ON duty_warning (place, posts, starts_at, ends_at) WHERE gone_at IS NULL;
