-- The time bank: volunteers, requests for help, rounds, and minutes in an append-only double-entry ledger.

CREATE TABLE time_volunteer (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code           text NOT NULL GENERATED ALWAYS AS ('V' || lpad(id::text, 5, '0')) STORED UNIQUE,
    name_zh        text NOT NULL,
    name_en        text NOT NULL,
    sex            text NOT NULL CHECK (sex IN ('female', 'male')),
    born_on        date NOT NULL,
    phone          text NOT NULL DEFAULT '',
    belongs_to     text NOT NULL,                   -- a group of care_services/time_bank/kinds.py
    area_id        integer NOT NULL REFERENCES area, -- where they help
    resident_id    integer UNIQUE REFERENCES resident, -- a younger senior of the district
    staff_id       integer UNIQUE REFERENCES staff, -- as whom dispatch knows them: role volunteer
    skills         text[] NOT NULL DEFAULT '{}',    -- codes of care_network/catalogues/workforce.py
    languages      text[] NOT NULL DEFAULT '{cmn}', -- ISO 639-3
    times          jsonb NOT NULL DEFAULT '[]',     -- [[ISO weekday, begin, end], ...], minutes of the day; empty: any
    week_minutes   integer NOT NULL DEFAULT 480 CHECK (week_minutes BETWEEN 30 AND 2400),
    helps          text NOT NULL DEFAULT '' CHECK (helps IN ('', 'female', 'male')), -- helps people of this sex alone
    state          text NOT NULL DEFAULT 'applied'
                   CHECK (state IN ('applied', 'checked', 'trained', 'active', 'resting', 'ended')),
    note           text NOT NULL DEFAULT '',
    applied_at     timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1
);
CREATE INDEX time_volunteer_area ON time_volunteer (area_id);
CREATE INDEX time_volunteer_state ON time_volunteer (state, code);

-- Append-only: of each kind the newest line is what holds.
CREATE TABLE time_volunteer_check (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    kind         text NOT NULL CHECK (kind IN ('identity', 'background')),
    passed       boolean NOT NULL,
    checked_on   date NOT NULL,
    expires_on   date,                              -- the last day on which it is good; NULL: it does not expire
    note         text NOT NULL DEFAULT '',
    account_id   integer REFERENCES account,
    at           timestamptz NOT NULL
);
CREATE INDEX time_volunteer_check_of ON time_volunteer_check (volunteer_id, kind, id DESC);

CREATE TABLE time_volunteer_training (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    course       text NOT NULL,                     -- code of a course of the library
    passed       boolean NOT NULL,
    passed_on    date NOT NULL,
    expires_on   date,
    account_id   integer REFERENCES account,
    at           timestamptz NOT NULL
);
CREATE INDEX time_volunteer_training_of ON time_volunteer_training (volunteer_id, course, id DESC);

CREATE TABLE time_volunteer_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    at           timestamptz NOT NULL,
    action       text NOT NULL,
    from_state   text,
    to_state     text NOT NULL,
    account_id   integer REFERENCES account,
    actor        text NOT NULL,
    note         text NOT NULL DEFAULT ''
);
CREATE INDEX time_volunteer_event_of ON time_volunteer_event (volunteer_id, id);

-- A regular visit for company: residents of an area, every week, by volunteers in pairs.
CREATE TABLE time_round (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code     text NOT NULL UNIQUE,
    name_zh  text NOT NULL,
    name_en  text NOT NULL,
    area_id  integer NOT NULL REFERENCES area,
    weekday  smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    starts   smallint NOT NULL CHECK (starts BETWEEN 0 AND 1439), -- minute of the day of the first visit
    minutes  smallint NOT NULL CHECK (minutes BETWEEN 10 AND 240), -- of one visit
    active   boolean NOT NULL DEFAULT true,
    version  integer NOT NULL DEFAULT 1
);
CREATE INDEX time_round_area ON time_round (area_id);

CREATE TABLE time_round_member (
    round_id    integer NOT NULL REFERENCES time_round,
    resident_id integer NOT NULL REFERENCES resident,
    place       smallint NOT NULL,                  -- in the order of visits
    PRIMARY KEY (round_id, resident_id)
);
CREATE INDEX time_round_member_resident ON time_round_member (resident_id);

CREATE TABLE time_round_crew (
    round_id     integer NOT NULL REFERENCES time_round,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    pair         smallint NOT NULL CHECK (pair >= 1), -- two volunteers of the same number go together
    PRIMARY KEY (round_id, volunteer_id)
);
CREATE INDEX time_round_crew_volunteer ON time_round_crew (volunteer_id);

-- A request for help, from the question to the confirmation of both sides. A visit of a round is one, too.
CREATE TABLE time_request (
    id               uuid PRIMARY KEY,
    number           bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- as people call it
    resident_id      integer NOT NULL REFERENCES resident,
    kind             text NOT NULL,                 -- care_services/time_bank/kinds.toml
    state            text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'offered', 'accepted', 'done', 'disputed',
                                                                    'confirmed', 'cancelled')),
    wanted_from      timestamptz NOT NULL,
    wanted_until     timestamptz NOT NULL,
    minutes          integer NOT NULL CHECK (minutes BETWEEN 5 AND 720), -- expected
    language         text,                          -- ISO 639-3; NULL: the resident's own
    sex              text CHECK (sex IN ('female', 'male')), -- of the volunteer, if it matters to the resident
    paid_by          text NOT NULL DEFAULT 'community' CHECK (paid_by IN ('community', 'hours')),
    asked_as         text NOT NULL CHECK (asked_as IN ('resident', 'family', 'station', 'round', 'alarm')),
    asked_by         integer REFERENCES account,
    asked_at         timestamptz NOT NULL,
    words            text NOT NULL DEFAULT '',
    volunteer_id     integer REFERENCES time_volunteer,
    partner_id       integer REFERENCES time_volunteer, -- the second of a pair
    round_id         integer REFERENCES time_round,
    order_id         uuid UNIQUE REFERENCES work_order, -- the work order of an alert that the volunteer answered
    told_minutes     integer CHECK (told_minutes BETWEEN 1 AND 720), -- the volunteer's word
    told_at          timestamptz,
    told_by          text,                          -- 'account:…', 'volunteer:…' (by a link), 'order:…'
    said_minutes     integer CHECK (said_minutes BETWEEN 0 AND 720), -- the receiving side's word
    said_at          timestamptz,
    said_by          text,
    said_as          text CHECK (said_as IN ('resident', 'family', 'station')),
    settled_by       integer REFERENCES account,    -- who decided when the two differed
    settled_reason   text,
    agreed           integer CHECK (agreed BETWEEN 0 AND 720), -- what both sides said, or the station decided
    credited         integer CHECK (credited >= 0), -- minutes booked to the volunteer, after the rules
    partner_credited integer CHECK (partner_credited >= 0),
    rule             text,                          -- code of the rule that the minutes were decided by
    closed_at        timestamptz,
    version          integer NOT NULL DEFAULT 1,
    CHECK (wanted_from < wanted_until),
    CHECK (partner_id IS NULL OR partner_id <> volunteer_id),
    CHECK (state IN ('open', 'cancelled') OR volunteer_id IS NOT NULL),
    CHECK ((state IN ('confirmed', 'cancelled')) = (closed_at IS NOT NULL)),
    CHECK (state NOT IN ('done', 'disputed', 'confirmed') OR (told_minutes IS NOT NULL AND told_at IS NOT NULL
           AND told_by IS NOT NULL)),
    CONSTRAINT time_request_both_sides CHECK (state <> 'confirmed' OR (said_minutes IS NOT NULL AND said_at IS NOT NULL
           AND said_by IS NOT NULL AND said_as IS NOT NULL AND agreed IS NOT NULL AND credited IS NOT NULL
           AND said_by <> told_by))
);
CREATE INDEX time_request_resident ON time_request (resident_id, wanted_from);
CREATE INDEX time_request_volunteer ON time_request (volunteer_id, wanted_from);
CREATE INDEX time_request_partner ON time_request (partner_id, wanted_from) WHERE partner_id IS NOT NULL;
CREATE INDEX time_request_unfinished ON time_request (wanted_from, id) WHERE closed_at IS NULL;
CREATE INDEX time_request_wanted ON time_request (wanted_from, id);
CREATE INDEX time_request_closed ON time_request (closed_at) WHERE closed_at IS NOT NULL;
CREATE UNIQUE INDEX time_request_of_round ON time_request (round_id, resident_id, wanted_from)
    WHERE round_id IS NOT NULL;

CREATE TABLE time_request_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL REFERENCES time_request,
    at           timestamptz NOT NULL,
    action       text NOT NULL,
    from_state   text,
    to_state     text NOT NULL,
    account_id   integer REFERENCES account,        -- NULL: by a link, or the system
    actor        text NOT NULL,
    volunteer_id integer REFERENCES time_volunteer,
    note         text NOT NULL DEFAULT '',
    detail       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX time_request_event_of ON time_request_event (request_id, id);

-- The ledger. One account a person (a younger senior's is that of the resident), and three of the community.
CREATE TABLE time_account (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('resident', 'volunteer', 'issuer', 'gift_pool', 'expired')),
    resident_id  integer UNIQUE REFERENCES resident,
    volunteer_id integer UNIQUE REFERENCES time_volunteer,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'resident') = (resident_id IS NOT NULL)),
    CHECK ((kind = 'volunteer') = (volunteer_id IS NOT NULL))
);
CREATE UNIQUE INDEX time_account_of_community ON time_account (kind)
    WHERE kind IN ('issuer', 'gift_pool', 'expired');
INSERT INTO time_account (kind) VALUES ('issuer'), ('gift_pool'), ('expired');

CREATE TABLE time_transaction (
    id          uuid PRIMARY KEY,
    number      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('earn', 'redeem', 'refund', 'transfer', 'gift', 'donate', 'grant',
                                              'expire', 'reverse')),
    request_key text NOT NULL UNIQUE,               -- the same key books once
    request_id  uuid REFERENCES time_request,       -- the help that was given or is paid for
    reverses_id uuid UNIQUE REFERENCES time_transaction,
    relation    text NOT NULL DEFAULT '',           -- of a gift: what the receiver is to the giver
    reason      text NOT NULL DEFAULT '',
    account_id  integer REFERENCES account,         -- who booked it; NULL: the confirmation of both sides
    second_id   integer REFERENCES account,         -- of a correction: who agreed
    made_in     xid8 NOT NULL DEFAULT pg_current_xact_id(), -- entries are added in the same transaction alone
    CHECK ((kind IN ('reverse', 'refund')) = (reverses_id IS NOT NULL)),
    CHECK (kind NOT IN ('earn', 'redeem') OR request_id IS NOT NULL),
    CHECK (kind <> 'gift' OR relation <> ''),
    CONSTRAINT time_transaction_two_people CHECK (kind <> 'reverse' OR (reason <> '' AND account_id IS NOT NULL
           AND second_id IS NOT NULL AND account_id <> second_id))
);
CREATE UNIQUE INDEX time_transaction_earned_once ON time_transaction (request_id) WHERE kind = 'earn';
CREATE INDEX time_transaction_request ON time_transaction (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX time_transaction_at ON time_transaction (at, kind);

CREATE TABLE time_entry (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id uuid NOT NULL REFERENCES time_transaction,
    account_id     integer NOT NULL REFERENCES time_account,
    minutes        integer NOT NULL CHECK (minutes <> 0 AND minutes BETWEEN -1000000 AND 1000000),
    earned_on      date NOT NULL                    -- of the lot: minutes keep their age wherever they go
);
CREATE INDEX time_entry_transaction ON time_entry (transaction_id);
CREATE INDEX time_entry_account ON time_entry (account_id, id);

-- What is left of each day's minutes of an account: kept by the database with each entry, and by nobody else. Neither
-- the issuer nor what has expired has lots: the one may be negative, and the other is never drawn on.
CREATE TABLE time_lot (
    account_id integer NOT NULL REFERENCES time_account,
    earned_on  date NOT NULL,
    minutes    integer NOT NULL CONSTRAINT time_lot_never_negative CHECK (minutes >= 0),
    PRIMARY KEY (account_id, earned_on)
);
CREATE INDEX time_lot_age ON time_lot (earned_on) WHERE minutes > 0;

-- Each transaction in the order of its commit, with the SHA-256 of the seal before and of its own words.
CREATE TABLE time_seal (
    position       bigint PRIMARY KEY,
    transaction_id uuid NOT NULL UNIQUE REFERENCES time_transaction,
    hash           bytea NOT NULL
);

-- A correction that one person has asked for, and another decides.
CREATE TABLE time_reversal (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id uuid NOT NULL REFERENCES time_transaction,
    reason         text NOT NULL CHECK (reason <> ''),
    asked_by       integer NOT NULL REFERENCES account,
    asked_at       timestamptz NOT NULL,
    decided_by     integer REFERENCES account CHECK (decided_by <> asked_by),
    decided_at     timestamptz,
    agreed         boolean,
    CHECK ((decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (agreed IS NULL))
);
CREATE UNIQUE INDEX time_reversal_waiting ON time_reversal (transaction_id) WHERE decided_at IS NULL;
CREATE INDEX time_reversal_of ON time_reversal (transaction_id);

CREATE FUNCTION time_entry_booked() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM time_transaction WHERE id = NEW.transaction_id AND made_in = pg_current_xact_id()) THEN
        RAISE EXCEPTION 'entries are added together with their transaction' USING ERRCODE = '42501';
    END IF;
    IF EXISTS (SELECT FROM time_account WHERE id = NEW.account_id AND kind IN ('issuer', 'expired')) THEN
        RETURN NEW;
    END IF;
    IF NEW.minutes > 0 THEN
        INSERT INTO time_lot (account_id, earned_on, minutes) VALUES (NEW.account_id, NEW.earned_on, NEW.minutes)
        ON CONFLICT (account_id, earned_on) DO UPDATE SET minutes = time_lot.minutes + EXCLUDED.minutes;
    ELSE
        UPDATE time_lot SET minutes = minutes + NEW.minutes
        WHERE account_id = NEW.account_id AND earned_on = NEW.earned_on;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the account has no minutes of that day'
                USING ERRCODE = '23514', CONSTRAINT = 'time_lot_never_negative';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER time_entry_booked BEFORE INSERT ON time_entry FOR EACH ROW EXECUTE FUNCTION time_entry_booked();

CREATE FUNCTION time_lot_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'time_lot is kept by the entries' USING ERRCODE = '42501';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER time_lot_kept BEFORE INSERT OR UPDATE OR DELETE ON time_lot
    FOR EACH ROW EXECUTE FUNCTION time_lot_kept();
CREATE TRIGGER time_lot_no_truncate BEFORE TRUNCATE ON time_lot FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The words of a transaction that its seal is made of; `shouwang care time-bank verify` computes the same by itself.
CREATE FUNCTION time_words(asked uuid) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT concat_ws('|', t.id, (extract(epoch FROM t.at) * 1000000)::bigint, t.kind, t.request_key,
        coalesce(t.request_id::text, '-'), coalesce(t.reverses_id::text, '-'), t.relation, t.reason,
        coalesce(t.account_id::text, '-'), coalesce(t.second_id::text, '-'),
        (SELECT string_agg(concat_ws(':', e.account_id, e.earned_on - DATE '2000-01-01', e.minutes), ',' ORDER BY e.id)
         FROM time_entry e WHERE e.transaction_id = t.id))
    FROM time_transaction t WHERE t.id = asked
$$;

CREATE FUNCTION time_transaction_whole() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number_of integer; total bigint; gives text[]; takes text[]; givers integer; takers integer; wrong text;
    help time_request; before bytea; place bigint;
BEGIN
    SELECT count(*), coalesce(sum(e.minutes), 0),
           coalesce(array_agg(DISTINCT CASE WHEN a.kind IN ('resident', 'volunteer') THEN 'person' ELSE a.kind END)
                    FILTER (WHERE e.minutes < 0), '{}'),
           coalesce(array_agg(DISTINCT CASE WHEN a.kind IN ('resident', 'volunteer') THEN 'person' ELSE a.kind END)
                    FILTER (WHERE e.minutes > 0), '{}'),
           count(DISTINCT a.id) FILTER (WHERE e.minutes < 0), count(DISTINCT a.id) FILTER (WHERE e.minutes > 0)
    INTO number_of, total, gives, takes, givers, takers
    FROM time_entry e JOIN time_account a ON a.id = e.account_id WHERE e.transaction_id = NEW.id;
    IF number_of < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'the entries of a transaction sum to zero' USING ERRCODE = '23514', CONSTRAINT = 'time_sum_zero';
    END IF;
    CASE NEW.kind
        WHEN 'earn' THEN
            SELECT * INTO help FROM time_request WHERE id = NEW.request_id;
            IF help.state <> 'confirmed' OR gives <> '{issuer}' OR takes <> '{person}'
                OR EXISTS (SELECT FROM time_entry e WHERE e.transaction_id = NEW.id AND e.minutes > 0
                           AND e.minutes IS DISTINCT FROM CASE e.account_id
                               WHEN time_account_of(help.volunteer_id) THEN help.credited
                               WHEN time_account_of(help.partner_id) THEN help.partner_credited END)
                OR (SELECT count(*) <> count(DISTINCT account_id) FROM time_entry e
                    WHERE e.transaction_id = NEW.id AND e.minutes > 0) THEN
                wrong := 'what is earned is what both sides confirmed';
            END IF;
        WHEN 'redeem' THEN
            IF gives <> '{person}' OR takes <> '{issuer}' OR givers <> 1 THEN
                wrong := 'a person spends to the community';
            END IF;
        WHEN 'transfer', 'gift' THEN
            IF gives <> '{person}' OR takes <> '{person}' OR givers <> 1 OR takers <> 1 THEN
                wrong := 'one person gives to another';
            END IF;
        WHEN 'donate' THEN
            IF gives <> '{person}' OR takes <> '{gift_pool}' OR givers <> 1 THEN wrong := 'a person gives to the pool'; END IF;
        WHEN 'grant' THEN
            IF gives <> '{gift_pool}' OR takes <> '{person}' OR takers <> 1 THEN wrong := 'the pool gives to a person'; END IF;
        WHEN 'expire' THEN
            IF NOT gives <@ '{person,gift_pool}' OR takes <> '{expired}' THEN wrong := 'minutes expire'; END IF;
        ELSE
            IF EXISTS (SELECT FROM time_transaction WHERE id = NEW.reverses_id AND kind IN ('reverse', 'refund'))
                OR NEW.kind = 'refund' AND NOT EXISTS (
                    SELECT FROM time_transaction t JOIN time_request r ON r.id = t.request_id
                    WHERE t.id = NEW.reverses_id AND t.kind = 'redeem' AND r.state = 'cancelled')
                OR EXISTS (
                    SELECT FROM (SELECT account_id, earned_on, sum(minutes) AS minutes FROM time_entry
                                 WHERE transaction_id IN (NEW.id, NEW.reverses_id) GROUP BY account_id, earned_on) both_of
                    WHERE minutes <> 0)
                OR number_of <> (SELECT count(*) FROM time_entry WHERE transaction_id = NEW.reverses_id) THEN
                wrong := 'a correction is the whole of a transaction the other way round';
            END IF;
    END CASE;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '23514', CONSTRAINT = 'time_transaction_form';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time bank chain', 0));
    SELECT s.position, s.hash INTO place, before FROM time_seal s ORDER BY s.position DESC LIMIT 1;
    INSERT INTO time_seal (position, transaction_id, hash) VALUES (
        coalesce(place, 0) + 1, NEW.id, sha256(coalesce(before, ''::bytea) || convert_to(time_words(NEW.id), 'UTF8')));
    RETURN NULL;
END $$;

-- The account of a volunteer: that of the resident, where they are one; NULL: none yet.
CREATE FUNCTION time_account_of(volunteer integer) RETURNS integer LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.id FROM time_volunteer v JOIN time_account a
        ON CASE WHEN v.resident_id IS NULL THEN a.volunteer_id = v.id ELSE a.resident_id = v.resident_id END
    WHERE v.id = volunteer
$$;
CREATE CONSTRAINT TRIGGER time_transaction_whole AFTER INSERT ON time_transaction DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION time_transaction_whole();

-- Books what a request earned, once: for whoever confirmed it, who need not see the volunteer's account.
CREATE FUNCTION time_earn(asked uuid, moment timestamptz) RETURNS uuid LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    help time_request; booked uuid; who integer; issuer integer; day date; got integer; of_pair integer := 0;
BEGIN
    SELECT * INTO help FROM time_request WHERE id = asked FOR UPDATE;
    IF help.state IS DISTINCT FROM 'confirmed' THEN
        RAISE EXCEPTION 'what is earned is what both sides confirmed' USING ERRCODE = '42501';
    END IF;
    SELECT id INTO booked FROM time_transaction WHERE request_id = asked AND kind = 'earn';
    IF booked IS NOT NULL OR help.credited + coalesce(help.partner_credited, 0) = 0 THEN
        RETURN booked;
    END IF;
    booked := gen_random_uuid();
    day := (help.wanted_from AT TIME ZONE 'Asia/Shanghai')::date;
    SELECT id INTO issuer FROM time_account WHERE kind = 'issuer';
    INSERT INTO time_transaction (id, at, kind, request_key, request_id)
        VALUES (booked, moment, 'earn', 'earn/' || asked, asked);
    FOREACH who IN ARRAY array_remove(ARRAY[help.volunteer_id, help.partner_id], NULL) LOOP
        got := CASE WHEN of_pair = 0 THEN help.credited ELSE coalesce(help.partner_credited, 0) END;
        of_pair := of_pair + 1;
        CONTINUE WHEN got = 0;
        IF time_account_of(who) IS NULL THEN
            INSERT INTO time_account (kind, resident_id, volunteer_id)
                SELECT CASE WHEN v.resident_id IS NULL THEN 'volunteer' ELSE 'resident' END, v.resident_id,
                       CASE WHEN v.resident_id IS NULL THEN v.id END
                FROM time_volunteer v WHERE v.id = who ON CONFLICT DO NOTHING;
        END IF;
        INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
            VALUES (booked, issuer, -got, day), (booked, time_account_of(who), got, day);
    END LOOP;
    RETURN booked;
END $$;

-- Minutes credited to a volunteer by a rule, on a day and in its month: for whoever confirms, who need not see the rest.
CREATE FUNCTION time_credited(volunteer integer, by_rule text, day date, OUT of_day bigint, OUT of_month bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(got) FILTER (WHERE on_day = day), 0), coalesce(sum(got), 0) FROM (
        SELECT CASE volunteer WHEN volunteer_id THEN credited ELSE coalesce(partner_credited, 0) END AS got,
               (wanted_from AT TIME ZONE 'Asia/Shanghai')::date AS on_day
        FROM time_request
        WHERE (volunteer_id = volunteer OR partner_id = volunteer) AND state = 'confirmed' AND rule = by_rule
          AND wanted_from >= date_trunc('month', day::timestamp) AT TIME ZONE 'Asia/Shanghai'
          AND wanted_from < (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
    ) helped
$$;

CREATE FUNCTION time_request_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a request that is closed stays as it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER time_request_kept BEFORE UPDATE OR DELETE ON time_request
    FOR EACH ROW EXECUTE FUNCTION time_request_kept();

CREATE TRIGGER time_transaction_append_only BEFORE UPDATE OR DELETE ON time_transaction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_transaction_no_truncate BEFORE TRUNCATE ON time_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_entry_append_only BEFORE UPDATE OR DELETE ON time_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_entry_no_truncate BEFORE TRUNCATE ON time_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_seal_append_only BEFORE UPDATE OR DELETE ON time_seal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_seal_no_truncate BEFORE TRUNCATE ON time_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_account_append_only BEFORE UPDATE OR DELETE ON time_account
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_volunteer_check_append_only BEFORE UPDATE OR DELETE ON time_volunteer_check
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_volunteer_training_append_only BEFORE UPDATE OR DELETE ON time_volunteer_training
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_volunteer_event_append_only BEFORE UPDATE OR DELETE ON time_volunteer_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER time_request_event_append_only BEFORE UPDATE OR DELETE ON time_request_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
