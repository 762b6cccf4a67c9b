-- The time bank: holes of its books closed, own hours given back in part, promises that were not kept, and courses for
-- volunteers without an account.

-- Of the second of a pair whose minutes another rule decided (a social worker beside a neighbour); NULL: the same one.
ALTER TABLE time_request ADD COLUMN partner_rule text;
-- Who said the receiving side's word to the station, and how: "daughter, by telephone".
ALTER TABLE time_request ADD COLUMN said_who text NOT NULL DEFAULT '';
UPDATE erasure_rule SET sets = sets || ', said_who = ''''' WHERE relation = 'time_request' AND act = 'anonymise';

-- Evidence of a course that was taken elsewhere: where it was, and who taught it; or the test that was passed by a link.
CREATE TABLE time_course_attempt (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    course_id    integer NOT NULL REFERENCES course,
    version_id   integer NOT NULL REFERENCES course_version,
    begun_at     timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    drawn        jsonb NOT NULL,                        -- the questions and the order of their options
    submitted_at timestamptz,
    answers      jsonb,
    asked        smallint NOT NULL CHECK (asked > 0),
    correct      smallint,
    passed       boolean,
    CHECK ((submitted_at IS NULL) = (passed IS NULL)),
    CHECK ((submitted_at IS NULL) = (correct IS NULL))
);
CREATE UNIQUE INDEX time_course_attempt_open ON time_course_attempt (volunteer_id, course_id) WHERE submitted_at IS NULL;
CREATE INDEX time_course_attempt_of ON time_course_attempt (volunteer_id, course_id, begun_at);
CREATE INDEX time_course_attempt_version ON time_course_attempt (version_id);
ALTER TABLE time_volunteer_training
    ADD COLUMN place text NOT NULL DEFAULT '',
    ADD COLUMN taught_by text NOT NULL DEFAULT '',
    ADD COLUMN attempt_id bigint REFERENCES time_course_attempt;
CREATE UNIQUE INDEX time_volunteer_training_attempt ON time_volunteer_training (attempt_id) WHERE attempt_id IS NOT NULL;

-- A promise that a volunteer did not keep: they did not come, or said so too late. It counts in the matching until a
-- coordinator excuses it; the volunteer may say what was wrong.
CREATE TABLE time_missed (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   uuid NOT NULL REFERENCES time_request,
    volunteer_id integer NOT NULL REFERENCES time_volunteer,
    kind         text NOT NULL CHECK (kind IN ('no_show', 'late_cancel')),
    promised_for timestamptz NOT NULL,
    at           timestamptz NOT NULL,
    account_id   integer REFERENCES account,            -- who wrote it down; NULL: the volunteer, by their link
    note         text NOT NULL DEFAULT '',
    appeal       text NOT NULL DEFAULT '',              -- the volunteer's words against it
    appeal_at    timestamptz,
    excused      boolean,                               -- NULL: nobody has decided, and it counts
    decided_by   integer REFERENCES account,
    decided_at   timestamptz,
    reason       text NOT NULL DEFAULT '',
    CHECK ((excused IS NULL) = (decided_at IS NULL)),
    CHECK (excused IS NULL OR reason <> ''),
    CONSTRAINT time_missed_once UNIQUE (request_id, volunteer_id, kind)
);
CREATE INDEX time_missed_of ON time_missed (volunteer_id, promised_for);
CREATE INDEX time_missed_appeals ON time_missed (appeal_at) WHERE appeal_at IS NOT NULL AND excused IS NULL;
INSERT INTO time_missed (request_id, volunteer_id, kind, promised_for, at)
    SELECT q.id, v.id, 'no_show', q.wanted_from, q.closed_at FROM time_request q
    JOIN time_volunteer v ON v.id IN (q.volunteer_id, q.partner_id) WHERE q.ended_as = 'no_show'
    ORDER BY q.closed_at, q.number;
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en) VALUES
    ('time_missed', 'anonymise', NULL, $$note = '', appeal = '', reason = CASE WHEN reason <> '' THEN '已删除' ELSE '' END$$,
     '志愿服务条例第十九条：志愿服务记录；文字删除', '志愿服务条例 (2017), article 19: records of volunteering; words go'),
    ('time_course_attempt', 'keep', NULL, NULL, '志愿服务条例第十九条：志愿服务记录；只有编号',
     '志愿服务条例 (2017), article 19: records of volunteering; by number alone')
ON CONFLICT (relation) DO NOTHING;

-- How somebody stands with their promises, and what they have promised: numbers alone, of everybody whom they help, for
-- whoever has to choose and need not see the other residents.
CREATE FUNCTION time_load(who integer, but uuid, monday timestamptz, begins timestamptz, ends timestamptz,
    OUT planned integer, OUT busy boolean, OUT kept integer, OUT not_come integer, OUT too_late integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(q.minutes) FILTER (WHERE q.state IN ('accepted', 'done', 'confirmed', 'disputed')
                AND q.wanted_from >= monday AND q.wanted_from < monday + interval '7 days'
                AND q.id IS DISTINCT FROM but), 0)::integer,
           coalesce(bool_or(q.state = 'accepted' AND q.wanted_from < ends AND q.wanted_until > begins
                AND q.id IS DISTINCT FROM but), false),
           (count(*) FILTER (WHERE q.state IN ('done', 'confirmed', 'disputed')
                AND q.wanted_from > begins - interval '1 year' AND q.wanted_from <= begins))::integer,
           (SELECT count(*) FROM time_missed m WHERE m.volunteer_id = who AND m.kind = 'no_show' AND m.excused IS NOT TRUE
                AND m.promised_for > begins - interval '1 year')::integer,
           (SELECT count(*) FROM time_missed m WHERE m.volunteer_id = who AND m.kind = 'late_cancel'
                AND m.excused IS NOT TRUE AND m.promised_for > begins - interval '1 year')::integer
    FROM time_request q
    WHERE (q.volunteer_id = who OR q.partner_id = who) AND q.wanted_from > begins - interval '1 year'
      AND q.wanted_from < greatest(monday + interval '7 days', ends)
$$;
REVOKE ALL ON FUNCTION time_load(integer, uuid, timestamptz, timestamptz, timestamptz) FROM PUBLIC;

-- Whether the receiving side's word would be that of the volunteer themself: by their own account, as the resident's
-- contact with their telephone, or as the resident that they are. Nobody speaks for both sides.
CREATE FUNCTION time_own_word(asked uuid, key text) RETURNS boolean LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM time_request q JOIN time_volunteer v ON v.id IN (q.volunteer_id, q.partner_id)
        LEFT JOIN staff s ON s.id = v.staff_id LEFT JOIN resident own ON own.id = v.resident_id
        WHERE q.id = asked AND (
            key IN ('volunteer:' || v.code, 'account:' || s.account_id, 'resident:' || own.code)
            OR regexp_replace(v.phone, '[^0-9]', '', 'g') <> '' AND EXISTS (
                SELECT FROM contact c JOIN resident r ON r.id = c.resident_id
                WHERE c.resident_id = q.resident_id
                  AND regexp_replace(c.phone, '[^0-9]', '', 'g') = regexp_replace(v.phone, '[^0-9]', '', 'g')
                  AND key IN ('contact:' || r.code || '/' || c.phone, 'account:' || c.account_id))))
$$;
REVOKE ALL ON FUNCTION time_own_word(uuid, text) FROM PUBLIC;

-- The seal carries what the community has issued and what has expired by then: nobody sums the ledger up for a page.
ALTER TABLE time_seal ADD COLUMN issued bigint, ADD COLUMN expired bigint;
ALTER TABLE time_seal DISABLE TRIGGER time_seal_append_only;
UPDATE time_seal s SET issued = sums.issued, expired = sums.expired FROM (
    SELECT position, sum(i) OVER (ORDER BY position) AS issued, sum(x) OVER (ORDER BY position) AS expired FROM (
        SELECT l.position, coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'issuer'), 0) AS i,
               coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'expired'), 0) AS x
        FROM time_seal l JOIN time_entry e ON e.transaction_id = l.transaction_id JOIN time_account a ON a.id = e.account_id
        GROUP BY l.position) each_of
) sums WHERE sums.position = s.position;
ALTER TABLE time_seal ENABLE TRIGGER time_seal_append_only;
CREATE INDEX time_lot_left ON time_lot (account_id) INCLUDE (minutes) WHERE minutes > 0;

-- As before; and nothing is added to what was checked and sealed, not even by the transaction that did it.
CREATE OR REPLACE FUNCTION time_entry_booked() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM time_transaction WHERE id = NEW.transaction_id AND made_in = pg_current_xact_id())
        OR EXISTS (SELECT FROM time_seal WHERE transaction_id = NEW.transaction_id) THEN
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

-- Whether a transaction took younger minutes of somebody while older ones were there. What is left now tells it at once;
-- where something older is, it may have come later in the same transaction: then the entries before tell it.
CREATE FUNCTION time_out_of_order(asked uuid) RETURNS boolean LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM time_entry d JOIN time_account a ON a.id = d.account_id AND a.kind NOT IN ('issuer', 'expired')
        WHERE d.transaction_id = asked AND d.minutes < 0
          AND EXISTS (SELECT FROM time_lot l WHERE l.account_id = d.account_id AND l.minutes > 0
                      AND l.earned_on < d.earned_on)
          AND EXISTS (SELECT FROM time_entry o WHERE o.account_id = d.account_id AND o.earned_on < d.earned_on
                      AND o.id < d.id GROUP BY o.earned_on HAVING sum(o.minutes) > 0))
$$;
REVOKE ALL ON FUNCTION time_out_of_order(uuid) FROM PUBLIC;

-- As before; and minutes keep their day in every kind of booking, the oldest go first, nobody confirms their own help, and
-- own hours come back in part where the help was shorter than what was paid for it.
CREATE OR REPLACE FUNCTION time_transaction_whole() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number_of integer; total bigint; gives text[]; takes text[]; givers integer; takers integer; wrong text;
    help time_request; before bytea; place bigint; back bigint; spent bigint; had_issued bigint; had_expired bigint;
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
            IF help.state <> 'confirmed' OR gives <> '{issuer}' OR takes <> '{person}'
                OR EXISTS (SELECT FROM time_entry e WHERE e.transaction_id = NEW.id AND e.minutes > 0
                           AND e.minutes IS DISTINCT FROM CASE e.account_id
                               WHEN time_account_of(help.volunteer_id) THEN help.credited
                               WHEN time_account_of(help.partner_id) THEN help.partner_credited END)
                OR (SELECT count(*) <> count(DISTINCT account_id) FROM time_entry e
                    WHERE e.transaction_id = NEW.id AND e.minutes > 0) THEN
                wrong := 'what is earned is what both sides confirmed';
            ELSIF time_own_word(help.id, help.said_by) OR time_own_word(help.id, 'account:' || help.settled_by) THEN
                wrong := 'nobody confirms their own help: what is earned is what both sides confirmed';
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
                                          WHEN 'confirmed' THEN greatest(spent - help.agreed, 0) END)
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

-- As before; a pair's second is counted by the rule that decided theirs, and what was reversed is not earned.
CREATE OR REPLACE FUNCTION time_credited(volunteer integer, by_rule text, day date, OUT of_day bigint, OUT of_month bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(got) FILTER (WHERE on_day = day), 0), coalesce(sum(got), 0) FROM (
        SELECT CASE volunteer WHEN volunteer_id THEN credited ELSE coalesce(partner_credited, 0) END AS got,
               (wanted_from AT TIME ZONE 'Asia/Shanghai')::date AS on_day
        FROM time_request q
        WHERE (volunteer_id = volunteer OR partner_id = volunteer) AND state = 'confirmed'
          AND CASE volunteer WHEN volunteer_id THEN rule ELSE coalesce(partner_rule, rule) END = by_rule
          AND wanted_from >= date_trunc('month', day::timestamp) AT TIME ZONE 'Asia/Shanghai'
          AND wanted_from < (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
          AND NOT EXISTS (SELECT FROM time_transaction t JOIN time_transaction back ON back.reverses_id = t.id
                          WHERE t.request_id = q.id AND t.kind = 'earn')
    ) helped
$$;

-- Gives back, with their age, the minutes that were spent on a request: all where it is cancelled, and where it was
-- shorter than what was paid for it the difference, the youngest first; how many.
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
        rest := CASE help.state WHEN 'cancelled' THEN spent.minutes ELSE spent.minutes - help.agreed END;
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
