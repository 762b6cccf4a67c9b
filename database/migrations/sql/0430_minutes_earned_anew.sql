-- Minutes of a help whose earning was reversed are earned anew, once: the right ones, as one person asks and another agrees.
-- Books are added to as before: the first earning, its reversal and the new earning stand one after the other.
CREATE TABLE time_correction (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id       uuid NOT NULL REFERENCES time_request,
    after_id         uuid NOT NULL REFERENCES time_transaction, -- the reversal after which they are earned anew
    minutes          integer NOT NULL CHECK (minutes BETWEEN 1 AND 720), -- how long the help was
    reason           text NOT NULL CHECK (reason <> ''),
    asked_by         integer NOT NULL REFERENCES account,
    asked_at         timestamptz NOT NULL,
    decided_by       integer REFERENCES account CHECK (decided_by <> asked_by),
    decided_at       timestamptz,
    agreed           boolean,
    credited         integer CHECK (credited >= 0), -- by the rules of the day of the help
    partner_credited integer CHECK (partner_credited >= 0),
    rule             text,
    partner_rule     text,
    CHECK ((decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (agreed IS NULL)),
    CHECK (agreed IS NOT TRUE OR credited IS NOT NULL)
);
CREATE INDEX time_correction_of ON time_correction (request_id, id);
CREATE INDEX time_correction_after ON time_correction (after_id);
CREATE UNIQUE INDEX time_correction_waiting ON time_correction (request_id) WHERE decided_at IS NULL;
-- Each reversal gives at most one new earning; with one reversal an earning, a help is never paid more than once.
CREATE UNIQUE INDEX time_correction_once ON time_correction (after_id) WHERE agreed;
CREATE TRIGGER time_correction_stays BEFORE UPDATE ON time_correction
    FOR EACH ROW WHEN (OLD.decided_at IS NOT NULL OR (OLD.request_id, OLD.after_id, OLD.minutes, OLD.asked_by)
                       IS DISTINCT FROM (NEW.request_id, NEW.after_id, NEW.minutes, NEW.asked_by))
    EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER time_correction_no_delete BEFORE DELETE ON time_correction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('time_correction', 'anonymise', NULL, $$reason = '已删除'$$,
     '志愿服务条例第十九条：志愿服务记录；文字删除', '志愿服务条例 (2017), article 19: records of volunteering; words go')
ON CONFLICT (relation) DO NOTHING;

-- The key of an earning names its help, and of a later one what was agreed on: unique, as the index was for the first one.
DROP INDEX time_transaction_earned_once;

-- How long a help was, as far as is known: what both sides said, or as it was corrected since.
CREATE FUNCTION time_agreed(asked uuid) RETURNS integer LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT c.minutes FROM time_correction c WHERE c.request_id = asked AND c.agreed
                     ORDER BY c.id DESC LIMIT 1), (SELECT q.agreed FROM time_request q WHERE q.id = asked))
$$;
REVOKE ALL ON FUNCTION time_agreed(uuid) FROM PUBLIC;

-- As before; and what was corrected since is earned anew, once.
CREATE OR REPLACE FUNCTION time_earn(asked uuid, moment timestamptz) RETURNS uuid LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    help time_request; mended time_correction; key text := 'earn/' || asked; booked uuid; who integer; issuer integer;
    day date; got integer; of_pair integer := 0;
BEGIN
    SELECT * INTO help FROM time_request WHERE id = asked FOR UPDATE;
    IF help.state IS DISTINCT FROM 'confirmed' THEN
        RAISE EXCEPTION 'what is earned is what both sides confirmed' USING ERRCODE = '42501';
    END IF;
    SELECT * INTO mended FROM time_correction WHERE request_id = asked AND agreed ORDER BY id DESC LIMIT 1;
    IF mended.id IS NOT NULL THEN
        key := key || '/' || mended.id;
        help.credited := mended.credited;
        help.partner_credited := mended.partner_credited;
    END IF;
    SELECT id INTO booked FROM time_transaction WHERE request_key = key;
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
    INSERT INTO time_transaction (id, at, kind, request_key, request_id, reason, account_id, second_id)
        VALUES (booked, moment, 'earn', key, asked, coalesce(mended.reason, ''), mended.asked_by, mended.decided_by);
    FOREACH who IN ARRAY array_remove(ARRAY[help.volunteer_id, help.partner_id], NULL) LOOP
        got := CASE WHEN of_pair = 0 THEN help.credited ELSE coalesce(help.partner_credited, 0) END;
        of_pair := of_pair + 1;
        CONTINUE WHEN got = 0;
        INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
            VALUES (booked, issuer, -got, day), (booked, time_account_of(who), got, day);
    END LOOP;
    RETURN booked;
END $$;

-- As before; and what is earned anew is what two people agreed on after its reversal.
CREATE OR REPLACE FUNCTION time_transaction_whole() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number_of integer; total bigint; gives text[]; takes text[]; givers integer; takers integer; wrong text;
    help time_request; mended time_correction; before bytea; place bigint; back bigint; spent bigint; had_issued bigint;
    had_expired bigint;
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
    IF EXISTS (SELECT FROM time_entry WHERE transaction_id = NEW.id GROUP BY earned_on HAVING sum(minutes) <> 0) THEN
        wrong := 'minutes keep the day on which they were earned';
    END IF;
    CASE NEW.kind
        WHEN 'earn' THEN
            SELECT * INTO help FROM time_request WHERE id = NEW.request_id;
            SELECT * INTO mended FROM time_correction c
            WHERE c.request_id = NEW.request_id AND 'earn/' || c.request_id || '/' || c.id = NEW.request_key;
            IF mended.id IS NOT NULL THEN
                help.credited := mended.credited;
                help.partner_credited := mended.partner_credited;
            END IF;
            IF help.state <> 'confirmed' OR gives <> '{issuer}' OR takes <> '{person}'
                OR EXISTS (SELECT FROM time_entry e WHERE e.transaction_id = NEW.id AND e.minutes > 0
                           AND e.minutes IS DISTINCT FROM CASE e.account_id
                               WHEN time_account_of(help.volunteer_id) THEN help.credited
                               WHEN time_account_of(help.partner_id) THEN help.partner_credited END)
                OR (SELECT count(*) <> count(DISTINCT account_id) FROM time_entry e
                    WHERE e.transaction_id = NEW.id AND e.minutes > 0)
                OR mended.id IS NULL AND NEW.request_key <> 'earn/' || help.id THEN
                wrong := 'what is earned is what both sides confirmed';
            ELSIF time_own_word(help.id, help.said_by) OR time_own_word(help.id, 'account:' || help.settled_by) THEN
                wrong := 'nobody confirms their own help: what is earned is what both sides confirmed';
            ELSIF mended.id IS NOT NULL AND (
                mended.agreed IS NOT TRUE OR NEW.account_id IS DISTINCT FROM mended.asked_by
                OR NEW.second_id IS DISTINCT FROM mended.decided_by OR mended.asked_by = mended.decided_by
                OR time_own_word(help.id, 'account:' || mended.asked_by)
                OR time_own_word(help.id, 'account:' || mended.decided_by)
                OR NOT EXISTS (
                    SELECT FROM time_transaction back JOIN time_transaction t ON t.id = back.reverses_id
                    WHERE back.id = mended.after_id AND back.kind = 'reverse' AND t.kind = 'earn'
                      AND t.request_id = help.id)) THEN
                wrong := 'minutes are earned anew after their reversal, as two others agreed';
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
        WHEN 'refund' THEN
            SELECT r.* INTO help FROM time_transaction t JOIN time_request r ON r.id = t.request_id
            WHERE t.id = NEW.reverses_id AND t.kind = 'redeem';
            SELECT sum(minutes) FILTER (WHERE transaction_id = NEW.id AND minutes > 0),
                   sum(minutes) FILTER (WHERE transaction_id = NEW.reverses_id AND minutes > 0)
            INTO back, spent FROM time_entry WHERE transaction_id IN (NEW.id, NEW.reverses_id);
            IF help.id IS NULL OR help.id IS DISTINCT FROM NEW.request_id
                OR back IS DISTINCT FROM (CASE help.state WHEN 'cancelled' THEN spent
                                          WHEN 'confirmed' THEN greatest(spent - time_agreed(help.id), 0) END)
                OR EXISTS (
                    SELECT FROM time_entry e WHERE e.transaction_id IN (NEW.id, NEW.reverses_id)
                    GROUP BY e.account_id, e.earned_on
                    HAVING abs(coalesce(sum(e.minutes) FILTER (WHERE e.transaction_id = NEW.id), 0))
                           > abs(coalesce(sum(e.minutes) FILTER (WHERE e.transaction_id = NEW.reverses_id), 0))
                        OR sign(coalesce(sum(e.minutes) FILTER (WHERE e.transaction_id = NEW.id), 0))
                           * sign(coalesce(sum(e.minutes) FILTER (WHERE e.transaction_id = NEW.reverses_id), 0)) > 0) THEN
                wrong := 'what comes back was spent on help that was not given';
            END IF;
        ELSE
            IF EXISTS (SELECT FROM time_transaction WHERE id = NEW.reverses_id AND kind IN ('reverse', 'refund'))
                OR EXISTS (
                    SELECT FROM (SELECT account_id, earned_on, sum(minutes) AS minutes FROM time_entry
                                 WHERE transaction_id IN (NEW.id, NEW.reverses_id) GROUP BY account_id, earned_on) both_of
                    WHERE minutes <> 0)
                OR number_of <> (SELECT count(*) FROM time_entry WHERE transaction_id = NEW.reverses_id) THEN
                wrong := 'a correction is the whole of a transaction the other way round';
            END IF;
    END CASE;
    IF wrong IS NULL AND NEW.kind NOT IN ('earn', 'refund', 'reverse') AND time_out_of_order(NEW.id) THEN
        wrong := 'the oldest minutes go first';
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '23514', CONSTRAINT = 'time_transaction_form';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time bank chain', 0));
    SELECT s.position, s.hash, s.issued, s.expired INTO place, before, had_issued, had_expired
    FROM time_seal s ORDER BY s.position DESC LIMIT 1;
    INSERT INTO time_seal (position, transaction_id, hash, issued, expired)
        SELECT coalesce(place, 0) + 1, NEW.id,
               sha256(coalesce(before, ''::bytea) || convert_to(time_words(NEW.id), 'UTF8')),
               coalesce(had_issued, 0) + coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'issuer'), 0),
               coalesce(had_expired, 0) + coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'expired'), 0)
        FROM time_entry e JOIN time_account a ON a.id = e.account_id WHERE e.transaction_id = NEW.id;
    RETURN NULL;
END $$;

-- As before; and what was earned anew counts as it was corrected.
CREATE OR REPLACE FUNCTION time_credited(volunteer integer, by_rule text, day date, OUT of_day bigint, OUT of_month bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(got) FILTER (WHERE on_day = day), 0), coalesce(sum(got), 0) FROM (
        SELECT CASE WHEN c.id IS NULL THEN CASE volunteer WHEN volunteer_id THEN q.credited
                                                  ELSE coalesce(q.partner_credited, 0) END
                    WHEN volunteer = volunteer_id THEN c.credited ELSE coalesce(c.partner_credited, 0) END AS got,
               (wanted_from AT TIME ZONE 'Asia/Shanghai')::date AS on_day
        FROM time_request q LEFT JOIN LATERAL (
            SELECT * FROM time_correction m WHERE m.request_id = q.id AND m.agreed ORDER BY m.id DESC LIMIT 1) c ON true
        WHERE (volunteer_id = volunteer OR partner_id = volunteer) AND state = 'confirmed'
          AND CASE WHEN c.id IS NULL THEN CASE volunteer WHEN volunteer_id THEN q.rule
                                               ELSE coalesce(q.partner_rule, q.rule) END
                   WHEN volunteer = volunteer_id THEN c.rule ELSE coalesce(c.partner_rule, c.rule) END = by_rule
          AND wanted_from >= date_trunc('month', day::timestamp) AT TIME ZONE 'Asia/Shanghai'
          AND wanted_from < (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
          AND (SELECT count(t.id) = 0 OR count(*) > count(back.id) FROM time_transaction t
               LEFT JOIN time_transaction back ON back.reverses_id = t.id WHERE t.request_id = q.id AND t.kind = 'earn')
    ) helped
$$;

-- As before; by how long the help was as far as is known.
CREATE OR REPLACE FUNCTION time_refund(asked uuid, moment timestamptz, who integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    help time_request; spent record; lot record; booked uuid; total bigint := 0; holder integer; sink integer;
    rest bigint; part bigint;
BEGIN
    SELECT * INTO help FROM time_request WHERE id = asked;
    IF help.state IS NULL OR help.state NOT IN ('cancelled', 'confirmed') THEN
        RAISE EXCEPTION 'what is given back was spent on a request that is over' USING ERRCODE = '42501';
    END IF;
    SELECT a.id INTO holder FROM time_account a WHERE a.resident_id = help.resident_id;
    SELECT id INTO sink FROM time_account WHERE kind = 'issuer';
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang time account ' || holder, 0));
    FOR spent IN SELECT t.id, (SELECT sum(minutes) FROM time_entry WHERE transaction_id = t.id AND minutes > 0) AS minutes
                 FROM time_transaction t WHERE t.request_id = asked AND t.kind = 'redeem'
                 AND NOT EXISTS (SELECT FROM time_transaction back WHERE back.reverses_id = t.id) LOOP
        rest := CASE help.state WHEN 'cancelled' THEN spent.minutes ELSE spent.minutes - time_agreed(asked) END;
        CONTINUE WHEN rest <= 0;
        booked := gen_random_uuid();
        INSERT INTO time_transaction (id, at, kind, request_key, request_id, reverses_id, account_id)
            VALUES (booked, moment, 'refund', 'refund/' || spent.id, asked, spent.id, who);
        FOR lot IN SELECT account_id, earned_on, -minutes AS minutes FROM time_entry
                   WHERE transaction_id = spent.id AND minutes < 0 ORDER BY earned_on DESC, id DESC LOOP
            EXIT WHEN rest = 0;
            part := least(rest, lot.minutes);
            INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)
                VALUES (booked, lot.account_id, part, lot.earned_on), (booked, sink, -part, lot.earned_on);
            rest := rest - part;
            total := total + part;
        END LOOP;
    END LOOP;
    RETURN total;
END $$;
