-- The time bank by itself: whom dispatch may send, links that end, jobs of the rounds, hours spent by families.

-- The last day on which somebody with the role volunteer is sent to a door, kept by the time bank: NULL: no end, a day
-- long ago: not at all. It stands in the row that every roster is made of, so that a check that is withdrawn counts with
-- the next look, and one that ends does so at midnight without anybody's doing.
ALTER TABLE staff ADD COLUMN sent_until date;
CREATE OR REPLACE TRIGGER staff_history AFTER INSERT OR UPDATE OR DELETE ON staff
    FOR EACH ROW EXECUTE FUNCTION note_record_change('location_consent_at', 'sent_until');

-- Courses of a volunteer: what the station wrote down and certificates of the library, which count as long as nobody
-- revoked them or wrote afterwards that the course does not count.
CREATE FUNCTION time_courses(volunteer integer) RETURNS TABLE (course text, passed boolean, expires_on date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        SELECT DISTINCT ON (named) named AS course, t.passed, t.expires_on, t.at FROM (
            SELECT *, CASE course WHEN 'time-bank-basics' THEN 'volunteer_basic' ELSE course END AS named
            FROM time_volunteer_training WHERE volunteer_id = volunteer) t
        ORDER BY named, id DESC
    ), earned AS (
        SELECT DISTINCT ON (k.code) k.code AS course, c.expires_on, a.submitted_at
        FROM time_volunteer v JOIN staff s ON s.id = v.staff_id
        JOIN course_certificate c ON c.staff_id = s.id OR c.account_id = s.account_id
        JOIN course k ON k.id = c.course_id JOIN course_attempt a ON a.id = c.attempt_id
        WHERE v.id = volunteer AND c.revoked_at IS NULL
        ORDER BY k.code, c.expires_on DESC NULLS FIRST
    )
    SELECT coalesce(w.course, e.course), coalesce(w.passed, false) OR good,
           CASE WHEN good AND w.passed THEN CASE WHEN e.expires_on IS NOT NULL AND w.expires_on IS NOT NULL
                                                 THEN greatest(e.expires_on, w.expires_on) END
                WHEN good THEN e.expires_on ELSE w.expires_on END
    FROM written w FULL JOIN earned e USING (course),
        LATERAL (SELECT e.course IS NOT NULL AND (w.course IS NULL OR w.passed OR e.submitted_at > w.at) AS good) counts
$$;

-- The last day on which both checks and the basic course count; -infinity: one of them is lacking.
CREATE FUNCTION time_papers_until(volunteer integer) RETURNS date LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) FILTER (WHERE passed) = 3 THEN min(coalesce(expires_on, 'infinity')) ELSE '-infinity' END
    FROM (
        (SELECT DISTINCT ON (kind) passed, expires_on FROM time_volunteer_check WHERE volunteer_id = volunteer
         ORDER BY kind, id DESC)
        UNION ALL
        SELECT passed, expires_on FROM time_courses(volunteer) WHERE course = 'volunteer_basic'
    ) papers
$$;

CREATE FUNCTION time_set_sent(person integer) RETURNS void LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE staff SET sent_until = ends.day FROM (
        SELECT CASE WHEN v.id IS NULL OR v.state <> 'active' OR papers.day = '-infinity' THEN DATE '1970-01-01'
                    WHEN papers.day <> 'infinity' THEN papers.day END AS day
        FROM (VALUES (person)) asked LEFT JOIN time_volunteer v ON v.staff_id = person,
            LATERAL (SELECT time_papers_until(v.id) AS day) papers
    ) ends WHERE id = person AND sent_until IS DISTINCT FROM ends.day
$$;
REVOKE ALL ON FUNCTION time_set_sent(integer) FROM PUBLIC;

-- Whose link to a member of staff is taken away is not sent until there is one again.
CREATE FUNCTION time_volunteer_sent() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.staff_id IS NOT NULL AND OLD.staff_id IS DISTINCT FROM NEW.staff_id THEN
        PERFORM time_set_sent(OLD.staff_id);
    END IF;
    IF NEW.staff_id IS NOT NULL THEN
        PERFORM time_set_sent(NEW.staff_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER time_volunteer_sent AFTER INSERT OR UPDATE OF state, staff_id ON time_volunteer
    FOR EACH ROW EXECUTE FUNCTION time_volunteer_sent();

CREATE FUNCTION time_paper_sent() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM time_set_sent(staff_id) FROM time_volunteer WHERE id = NEW.volunteer_id AND staff_id IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER time_volunteer_check_sent AFTER INSERT ON time_volunteer_check
    FOR EACH ROW EXECUTE FUNCTION time_paper_sent();
CREATE TRIGGER time_volunteer_training_sent AFTER INSERT ON time_volunteer_training
    FOR EACH ROW EXECUTE FUNCTION time_paper_sent();

CREATE FUNCTION time_certificate_sent() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one course_certificate := coalesce(NEW, OLD);
BEGIN
    PERFORM time_set_sent(s.id) FROM staff s JOIN time_volunteer v ON v.staff_id = s.id
    WHERE s.id = one.staff_id OR s.account_id = one.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER course_certificate_sent AFTER INSERT OR DELETE OR UPDATE OF revoked_at, expires_on, staff_id
    ON course_certificate FOR EACH ROW EXECUTE FUNCTION time_certificate_sent();
SELECT time_set_sent(staff_id) FROM time_volunteer WHERE staff_id IS NOT NULL;

-- A volunteer's own link, and the links of a request, hold as long as their number is the newest.
ALTER TABLE time_volunteer
    ADD COLUMN link_serial integer NOT NULL DEFAULT 0,
    ADD COLUMN link_until timestamptz;              -- NULL: none holds
ALTER TABLE time_request
    ADD COLUMN link_serial integer NOT NULL DEFAULT 1,
    ADD COLUMN ended_as text CHECK (ended_as IN ('not_needed', 'no_show', 'not_opened', 'nobody_found', 'no_word')),
    -- of a request that was cancelled: why, as it is counted
    ADD COLUMN reminded_at timestamptz,             -- somebody was reminded of their word
    ADD COLUMN door_told smallint NOT NULL DEFAULT 0; -- nobody opened: 1: the station has an alert
CREATE INDEX time_request_not_opened ON time_request (closed_at) WHERE ended_as = 'not_opened' AND door_told = 0;

-- The last day up to which the visits of a round are made; what stood still is caught up from there.
ALTER TABLE time_round ADD COLUMN made_until date;
CREATE TABLE time_round_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    round_id   integer NOT NULL REFERENCES time_round,
    at         timestamptz NOT NULL,
    action     text NOT NULL CHECK (action IN ('make', 'people', 'plan', 'pause', 'resume')),
    account_id integer REFERENCES account,
    actor      text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'          -- who came, who went, how many visits it touched
);
CREATE INDEX time_round_event_of ON time_round_event (round_id, id);
CREATE TRIGGER time_round_event_append_only BEFORE UPDATE OR DELETE ON time_round_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a family asks to be done with its relative's minutes; somebody of the station asks the resident, and decides.
CREATE TABLE time_wish (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id    integer NOT NULL REFERENCES resident, -- whose minutes
    what           text NOT NULL CHECK (what IN ('gift', 'transfer', 'donate')),
    taker          text NOT NULL DEFAULT '',        -- code of a resident or volunteer, as it was written
    minutes        integer NOT NULL CHECK (minutes BETWEEN 1 AND 100000),
    relation       text NOT NULL DEFAULT '',
    words          text NOT NULL DEFAULT '',
    asked_by       integer NOT NULL REFERENCES account,
    asked_at       timestamptz NOT NULL,
    state          text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'booked', 'refused', 'withdrawn')),
    decided_by     integer REFERENCES account,
    decided_at     timestamptz,
    reason         text NOT NULL DEFAULT '',
    transaction_id uuid REFERENCES time_transaction,
    CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CHECK ((state = 'booked') = (transaction_id IS NOT NULL)),
    CHECK (state <> 'booked' OR decided_by <> asked_by)
);
CREATE INDEX time_wish_of ON time_wish (resident_id, id);
CREATE INDEX time_wish_waiting ON time_wish (id) WHERE state = 'waiting';

-- Lets expire what was earned before a day, of one account or of all: with the database's clock as a bound, so that a
-- machine whose clock is wrong takes nobody's minutes.
CREATE FUNCTION time_expire(before date, moment timestamptz, only_of integer DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number integer; booked uuid; lot record; total bigint := 0; sink integer;
BEGIN
    IF before > (clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date - 27 THEN
        RAISE EXCEPTION 'minutes last a month at least: look at the clock' USING ERRCODE = '42501';
    END IF;
    SELECT id INTO sink FROM time_account WHERE kind = 'expired';
    FOR number IN SELECT DISTINCT account_id FROM time_lot WHERE minutes > 0 AND earned_on < before
                  AND (only_of IS NULL OR account_id = only_of) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time account ' || number, 0));
        booked := NULL;
        FOR lot IN SELECT earned_on, minutes FROM time_lot
                   WHERE account_id = number AND minutes > 0 AND earned_on < before ORDER BY 1 LOOP
            IF booked IS NULL THEN
                booked := gen_random_uuid();
                INSERT INTO time_transaction (id, at, kind, request_key)
                    VALUES (booked, moment, 'expire', 'expire/' || before || '/' || number || '/' || booked);
            END IF;
            INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
                VALUES (booked, number, -lot.minutes, lot.earned_on), (booked, sink, lot.minutes, lot.earned_on);
            total := total + lot.minutes;
        END LOOP;
    END LOOP;
    RETURN total;
END $$;

-- Spends a resident's minutes on a request that is to be paid by them, once: for whoever asked, who need not see the
-- community's account. What is older than ``before`` has expired, whether a job got round to it or not.
CREATE FUNCTION time_redeem(asked uuid, key text, moment timestamptz, before date, who integer) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    help time_request; holder integer; sink integer; booked uuid; lot record; left_over integer; part integer;
BEGIN
    SELECT * INTO help FROM time_request WHERE id = asked FOR UPDATE;
    IF help.state IS DISTINCT FROM 'open' OR help.paid_by IS DISTINCT FROM 'hours' THEN
        RAISE EXCEPTION 'minutes are spent on a request that is new and paid by them' USING ERRCODE = '42501';
    END IF;
    SELECT id INTO booked FROM time_transaction WHERE request_id = asked AND kind = 'redeem';
    IF booked IS NOT NULL THEN
        RETURN booked;
    END IF;
    SELECT id INTO holder FROM time_account WHERE resident_id = help.resident_id;
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time account ' || holder, 0));
    IF before IS NOT NULL THEN
        PERFORM time_expire(before, moment, holder);
    END IF;
    SELECT id INTO sink FROM time_account WHERE kind = 'issuer';
    booked := gen_random_uuid();
    left_over := help.minutes;
    INSERT INTO time_transaction (id, at, kind, request_key, request_id, account_id)
        VALUES (booked, moment, 'redeem', key, asked, who);
    FOR lot IN SELECT earned_on, minutes FROM time_lot WHERE account_id = holder AND minutes > 0 ORDER BY 1 LOOP
        EXIT WHEN left_over = 0;
        part := least(left_over, lot.minutes);
        INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
            VALUES (booked, holder, -part, lot.earned_on), (booked, sink, part, lot.earned_on);
        left_over := left_over - part;
    END LOOP;
    IF left_over > 0 THEN
        RAISE EXCEPTION 'too few minutes' USING ERRCODE = '23514', CONSTRAINT = 'time_lot_never_negative',
            DETAIL = (help.minutes - left_over)::text;
    END IF;
    RETURN booked;
END $$;

-- Gives back, with their age, the minutes that were spent on a request which is cancelled; how many.
CREATE FUNCTION time_refund(asked uuid, moment timestamptz, who integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    spent record; booked uuid; total bigint := 0; holder integer;
BEGIN
    IF NOT EXISTS (SELECT FROM time_request WHERE id = asked AND state = 'cancelled') THEN
        RAISE EXCEPTION 'what is given back was spent on a request that is cancelled' USING ERRCODE = '42501';
    END IF;
    SELECT a.id INTO holder FROM time_request q JOIN time_account a ON a.resident_id = q.resident_id WHERE q.id = asked;
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time account ' || holder, 0));
    FOR spent IN SELECT t.id FROM time_transaction t WHERE t.request_id = asked AND t.kind = 'redeem'
                 AND NOT EXISTS (SELECT FROM time_transaction back WHERE back.reverses_id = t.id) LOOP
        booked := gen_random_uuid();
        INSERT INTO time_transaction (id, at, kind, request_key, request_id, reverses_id, account_id)
            VALUES (booked, moment, 'refund', 'refund/' || spent.id, asked, spent.id, who);
        INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
            SELECT booked, account_id, -minutes, earned_on FROM time_entry WHERE transaction_id = spent.id ORDER BY id;
        total := total + (SELECT sum(minutes) FROM time_entry WHERE transaction_id = booked AND minutes > 0);
    END LOOP;
    RETURN total;
END $$;

-- As before, and it holds the accounts like every other booking: who spends at the same moment sees older minutes first.
CREATE OR REPLACE FUNCTION time_earn(asked uuid, moment timestamptz) RETURNS uuid LANGUAGE plpgsql
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
    FOREACH who IN ARRAY array_remove(ARRAY[help.volunteer_id, help.partner_id], NULL) LOOP
        IF time_account_of(who) IS NULL THEN
            INSERT INTO time_account (kind, resident_id, volunteer_id)
                SELECT CASE WHEN v.resident_id IS NULL THEN 'volunteer' ELSE 'resident' END, v.resident_id,
                       CASE WHEN v.resident_id IS NULL THEN v.id END
                FROM time_volunteer v WHERE v.id = who ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time account ' || held.number, 0)) FROM (
        SELECT number FROM unnest(ARRAY[time_account_of(help.volunteer_id), time_account_of(help.partner_id)]) number
        WHERE number IS NOT NULL ORDER BY number) held;
    INSERT INTO time_transaction (id, at, kind, request_key, request_id)
        VALUES (booked, moment, 'earn', 'earn/' || asked, asked);
    FOREACH who IN ARRAY array_remove(ARRAY[help.volunteer_id, help.partner_id], NULL) LOOP
        got := CASE WHEN of_pair = 0 THEN help.credited ELSE coalesce(help.partner_credited, 0) END;
        of_pair := of_pair + 1;
        CONTINUE WHEN got = 0;
        INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
            VALUES (booked, issuer, -got, day), (booked, time_account_of(who), got, day);
    END LOOP;
    RETURN booked;
END $$;

-- Of staff who are volunteers of the time bank: their code there. For a desk that need not see the time bank.
CREATE FUNCTION time_neighbours(people integer[]) RETURNS TABLE (staff_id integer, volunteer text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.staff_id, v.code FROM time_volunteer v WHERE v.staff_id = ANY (people)
$$;

-- Marks the alert of a door that nobody opened as opened, once: the request itself is closed, and stays as it is.
CREATE OR REPLACE FUNCTION time_request_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.door_told = 0 AND NEW.door_told = 1 AND OLD.ended_as = 'not_opened'
        AND to_jsonb(OLD) - 'door_told' = to_jsonb(NEW) - 'door_told' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a request that is closed stays as it is' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION time_door_told(asked uuid) RETURNS boolean LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH told AS (UPDATE time_request SET door_told = 1 WHERE id = asked AND ended_as = 'not_opened' AND door_told = 0
                  RETURNING 1)
    SELECT EXISTS (SELECT FROM told)
$$;

INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('time_wish', 'anonymise', NULL, $$words = '', taker = '', reason = ''$$,
     '志愿服务条例第十九条：志愿服务记录；文字删除', '志愿服务条例 (2017), article 19: records of volunteering; words go')
ON CONFLICT (relation) DO NOTHING;
