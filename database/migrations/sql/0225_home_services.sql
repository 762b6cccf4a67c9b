-- Services at home: catalogue and prices, plans, service orders and visits, settlement; requests by one tap; the rounds.
CREATE TABLE care_service (
    code     text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{1,39}$'),
    work     text NOT NULL,                      -- of care_network.catalogues.services: whose skills and roles it needs
    name_zh  text NOT NULL CHECK (name_zh <> ''),
    name_en  text NOT NULL CHECK (name_en <> ''),
    unit     text NOT NULL CHECK (unit IN ('visit', 'hour')),
    minutes  integer NOT NULL CHECK (minutes BETWEEN 5 AND 600),
    tasks_zh text[] NOT NULL DEFAULT '{}',       -- what is ticked at the end, in the order of tasks_en
    tasks_en text[] NOT NULL DEFAULT '{}',
    active   boolean NOT NULL DEFAULT true,
    version  integer NOT NULL DEFAULT 1,
    CHECK (cardinality(tasks_zh) = cardinality(tasks_en))
);

-- What a provider asks for a unit, from a day on; NULL: it no longer offers the service. Rows are added, never changed.
CREATE TABLE service_price (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service         text NOT NULL REFERENCES care_service,
    organisation_id integer NOT NULL REFERENCES organisation ON DELETE CASCADE,
    valid_from      date NOT NULL,
    price_fen       integer CHECK (price_fen BETWEEN 0 AND 10000000),
    account_id      integer REFERENCES account ON DELETE SET NULL,
    actor           text NOT NULL,
    at              timestamptz NOT NULL
);
CREATE INDEX service_price_of ON service_price (service, organisation_id, valid_from, id);
CREATE INDEX service_price_organisation ON service_price (organisation_id);

CREATE TABLE service_plan (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id     integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    service         text NOT NULL REFERENCES care_service,
    organisation_id integer NOT NULL REFERENCES organisation,
    staff_id        integer REFERENCES staff ON DELETE SET NULL, -- preferred; NULL: whoever the provider sends
    weekdays        smallint[] NOT NULL CHECK (weekdays <@ '{1,2,3,4,5,6,7}' AND cardinality(weekdays) > 0), -- 1 Monday
    times           time[] NOT NULL CHECK (cardinality(times) BETWEEN 1 AND 6),
    every_weeks     smallint NOT NULL DEFAULT 1 CHECK (every_weeks BETWEEN 1 AND 12),
    first_day       date NOT NULL,               -- days of Asia/Shanghai; its week is the first of the count
    last_day        date CHECK (last_day >= first_day), -- NULL: open
    minutes         integer NOT NULL CHECK (minutes BETWEEN 5 AND 600),
    note            text NOT NULL DEFAULT '',
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'ended')),
    made_until      date,                        -- orders are made up to and with this day
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    created_by      integer REFERENCES account ON DELETE SET NULL
);
CREATE INDEX service_plan_resident ON service_plan (resident_id);
CREATE INDEX service_plan_to_make ON service_plan (made_until) WHERE state = 'active';
CREATE INDEX service_plan_organisation ON service_plan (organisation_id);
CREATE INDEX service_plan_staff ON service_plan (staff_id) WHERE staff_id IS NOT NULL;

CREATE TABLE service_plan_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id    integer NOT NULL REFERENCES service_plan ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    action     text NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    actor      text NOT NULL,
    note       text NOT NULL DEFAULT '',
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX service_plan_event_plan ON service_plan_event (plan_id, id);

CREATE TABLE settlement (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number          text NOT NULL UNIQUE,        -- S-202611-provider
    organisation_id integer NOT NULL REFERENCES organisation,
    month           date NOT NULL CHECK (extract(day FROM month) = 1),
    settled_at      timestamptz NOT NULL,
    account_id      integer REFERENCES account ON DELETE SET NULL,
    actor           text NOT NULL,
    visits          integer NOT NULL,
    minutes         bigint NOT NULL,
    amount_fen      bigint NOT NULL,
    subsidy_fen     bigint NOT NULL,
    own_fen         bigint NOT NULL CHECK (own_fen + subsidy_fen = amount_fen),
    corrections     integer NOT NULL,
    correction_fen  bigint NOT NULL,             -- part of amount_fen
    frozen          boolean NOT NULL DEFAULT false, -- at the end of the transaction that makes it
    UNIQUE (organisation_id, month)
);
CREATE INDEX settlement_month ON settlement (month);

CREATE TABLE service_order (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id     integer NOT NULL REFERENCES resident,
    service         text NOT NULL REFERENCES care_service,
    organisation_id integer NOT NULL REFERENCES organisation,
    staff_id        integer REFERENCES staff,
    plan_id         integer REFERENCES service_plan ON DELETE SET NULL,
    plan_slot       timestamptz,                 -- the plan's time for it; planned_start may be moved
    source          text NOT NULL CHECK (source IN ('plan', 'single', 'one_tap', 'bed')),
    planned_start   timestamptz NOT NULL,
    planned_minutes integer NOT NULL CHECK (planned_minutes BETWEEN 5 AND 600),
    state           text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'assigned', 'checked_in', 'checked_out',
                        'confirmed', 'missed', 'cancelled', 'refused_at_door')),
    unit            text NOT NULL CHECK (unit IN ('visit', 'hour')),
    price_fen       integer NOT NULL CHECK (price_fen >= 0), -- of a unit, as it was agreed
    amount_fen      integer NOT NULL CHECK (amount_fen >= 0),
    subsidy_fen     integer NOT NULL CHECK (subsidy_fen BETWEEN 0 AND amount_fen),
    own_fen         integer NOT NULL CHECK (own_fen = amount_fen - subsidy_fen),
    subsidy_rule    text,                        -- NULL: none applies
    subsidy_open    boolean NOT NULL DEFAULT false, -- facts are missing that could change it
    checked_in_at   timestamptz,
    checked_in_by   text CHECK (checked_in_by IN ('place', 'code', 'device', 'station')),
    checked_out_at  timestamptz,
    done_minutes    integer CHECK (done_minutes BETWEEN 0 AND 1440),
    tasks_done      smallint[],                  -- numbers of the service's tasks, from 1
    done_note       text NOT NULL DEFAULT '',
    missed_at       timestamptz,                 -- the station was told that nobody has come
    missed_alert    uuid,                        -- the alert about it, until the carer comes or it is dealt with
    settlement_id   integer REFERENCES settlement, -- the first that has it
    to_correct      boolean NOT NULL DEFAULT false, -- changed since
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    UNIQUE (plan_id, plan_slot)
);
CREATE INDEX service_order_resident ON service_order (resident_id, planned_start DESC);
CREATE INDEX service_order_provider ON service_order (organisation_id, planned_start, id);
CREATE INDEX service_order_day ON service_order (planned_start, id);
CREATE INDEX service_order_staff ON service_order (staff_id, planned_start) WHERE staff_id IS NOT NULL;
CREATE INDEX service_order_live ON service_order (planned_start)
    WHERE state IN ('planned', 'assigned', 'checked_in', 'missed');
CREATE INDEX service_order_missed ON service_order (missed_alert) WHERE missed_alert IS NOT NULL;
CREATE INDEX service_order_to_settle ON service_order (organisation_id, planned_start)
    WHERE settlement_id IS NULL AND state IN ('checked_out', 'confirmed');
CREATE INDEX service_order_to_correct ON service_order (organisation_id) WHERE to_correct;
CREATE INDEX service_order_settlement ON service_order (settlement_id) WHERE settlement_id IS NOT NULL;

CREATE TABLE service_order_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   bigint NOT NULL REFERENCES service_order ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    action     text NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    actor      text NOT NULL,
    note       text NOT NULL DEFAULT '',
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX service_order_event_order ON service_order_event (order_id, id);

-- A press of a telephone, so that one that is sent again is not done again.
CREATE TABLE service_press (
    key        text PRIMARY KEY CHECK (length(key) BETWEEN 8 AND 80),
    order_id   bigint NOT NULL REFERENCES service_order ON DELETE CASCADE,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    action     text NOT NULL,
    pressed_at timestamptz NOT NULL,
    stored_at  timestamptz NOT NULL,
    result     text NOT NULL CHECK (result IN ('done', 'refused')),
    message_zh text NOT NULL DEFAULT '',
    message_en text NOT NULL DEFAULT ''
);
CREATE INDEX service_press_order ON service_press (order_id);

CREATE TABLE service_rating (
    order_id   bigint NOT NULL REFERENCES service_order ON DELETE CASCADE,
    rated_by   text NOT NULL CHECK (rated_by IN ('resident', 'family', 'panel')),
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    words      text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    seen_at    timestamptz,                      -- of a low one: when the station has dealt with it
    seen_by    text,
    PRIMARY KEY (order_id, rated_by)
);
CREATE INDEX service_rating_low ON service_rating (at) WHERE stars <= 2 AND seen_at IS NULL;

-- By which a home proves that somebody stands in it: six digits, on paper or on the panel, made of the secret.
CREATE TABLE visit_code (
    household_id integer PRIMARY KEY REFERENCES household ON DELETE CASCADE,
    secret       bytea NOT NULL CHECK (length(secret) = 20),
    edition      integer NOT NULL DEFAULT 1,     -- of the paper; a new one makes the old one void
    made_at      timestamptz NOT NULL,
    account_id   integer REFERENCES account ON DELETE SET NULL
);

CREATE TABLE settlement_line (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    settlement_id integer NOT NULL REFERENCES settlement,
    order_id      bigint NOT NULL REFERENCES service_order,
    kind          text NOT NULL CHECK (kind IN ('visit', 'late', 'correction')),
    minutes       integer NOT NULL,
    amount_fen    integer NOT NULL,
    subsidy_fen   integer NOT NULL,
    own_fen       integer NOT NULL CHECK (own_fen + subsidy_fen = amount_fen),
    UNIQUE (order_id, settlement_id)
);
CREATE INDEX settlement_line_settlement ON settlement_line (settlement_id, id);

-- What is settled stays as it is, whoever asks: a change comes into a later settlement.
CREATE FUNCTION settlement_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'settlement' AND TG_OP = 'UPDATE' THEN
        IF NOT OLD.frozen THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM settlement s WHERE s.id = NEW.settlement_id AND s.frozen) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a settlement is frozen: correct it in a later one' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER settlement_frozen BEFORE UPDATE OR DELETE ON settlement
    FOR EACH ROW EXECUTE FUNCTION settlement_is_frozen();
CREATE TRIGGER settlement_line_frozen BEFORE INSERT OR UPDATE OR DELETE ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION settlement_is_frozen();

CREATE TABLE service_request (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id     integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    service         text NOT NULL REFERENCES care_service,
    asked_by        text NOT NULL CHECK (asked_by IN ('family', 'panel', 'telephone', 'station')),
    account_id      integer REFERENCES account ON DELETE SET NULL,
    actor           text NOT NULL,
    words           text NOT NULL DEFAULT '',
    wanted_at       timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('asked', 'station', 'confirmed', 'withdrawn', 'refused')),
    organisation_id integer REFERENCES organisation, -- who is asked, or has said yes
    staff_id        integer REFERENCES staff ON DELETE SET NULL,
    answer_by       timestamptz,                 -- of 'asked'
    order_id        bigint REFERENCES service_order,
    told_again      integer NOT NULL DEFAULT 0,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL
);
CREATE INDEX service_request_resident ON service_request (resident_id, created_at DESC);
CREATE INDEX service_request_open ON service_request (created_at) WHERE state IN ('asked', 'station');
CREATE INDEX service_request_organisation ON service_request (organisation_id) WHERE state = 'asked';

CREATE TABLE service_request_event (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id      integer NOT NULL REFERENCES service_request ON DELETE CASCADE,
    at              timestamptz NOT NULL,
    action          text NOT NULL,
    organisation_id integer REFERENCES organisation,
    account_id      integer REFERENCES account ON DELETE SET NULL,
    actor           text NOT NULL,
    note            text NOT NULL DEFAULT '',
    detail          jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX service_request_event_request ON service_request_event (request_id, id);

-- The rounds: jobs that somebody has to do at all times, and when each was done last.
CREATE TABLE care_round (
    name     text PRIMARY KEY,
    next_at  timestamptz NOT NULL,
    begun_at timestamptz,
    ended_at timestamptz,                        -- the last that ended well
    done     integer NOT NULL DEFAULT 0,         -- things done by the last one
    ms       integer,
    fault    text NOT NULL DEFAULT '',           -- of the last one; empty: none
    faults   integer NOT NULL DEFAULT 0          -- one after the other
);
