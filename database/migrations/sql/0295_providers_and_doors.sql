-- Accounts of people of providers and canteens, doors that nobody opened, and a provider's yes to a request.
ALTER TABLE account
    DROP CONSTRAINT account_role_check,
    ADD CONSTRAINT account_role_check CHECK (role IN ('admin', 'dispatcher', 'lead', 'manager', 'station', 'carer', 'family',
        'auditor', 'machine', 'provider')),
    DROP CONSTRAINT account_check,
    ADD CONSTRAINT account_check CHECK ((role IN ('family', 'provider')) = (area_path IS NULL));

-- A provider that says yes: the rounds, which see the resident's facts and prices, make the service order of it.
ALTER TABLE service_request
    ADD COLUMN yes_at timestamptz,
    ADD COLUMN yes_start timestamptz,
    ADD COLUMN yes_account integer REFERENCES account ON DELETE SET NULL;
CREATE INDEX service_request_yes ON service_request (yes_at) WHERE yes_at IS NOT NULL AND state = 'asked';
CREATE INDEX service_request_booked ON service_request (order_id) WHERE order_id IS NOT NULL;

-- Nobody opened at a visit or a meal: the station hears of it, with what was tried at the door.
CREATE TABLE shut_door (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident,
    visit_id    bigint UNIQUE REFERENCES service_order ON DELETE CASCADE,
    meal_id     bigint UNIQUE REFERENCES meal_order ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    tried       text[] NOT NULL,                 -- of care_services/core/doors.py: TRIED
    note        text NOT NULL DEFAULT '',
    account_id  integer REFERENCES account ON DELETE SET NULL,
    actor       text NOT NULL,
    alert       uuid,                            -- NULL: the rounds have not told it yet
    ended_at    timestamptz,                     -- somebody was let in, or the station has seen to it
    CHECK (num_nonnulls(visit_id, meal_id) = 1)
);
CREATE INDEX shut_door_to_tell ON shut_door (at) WHERE alert IS NULL AND ended_at IS NULL;
CREATE INDEX shut_door_to_end ON shut_door (at) WHERE alert IS NOT NULL AND ended_at IS NULL;
CREATE INDEX shut_door_resident ON shut_door (resident_id, at DESC);

-- A press of a telephone on a delivery round, so that one that is sent again is not done again.
CREATE TABLE meal_press (
    key        text PRIMARY KEY CHECK (length(key) BETWEEN 8 AND 80),
    order_id   bigint NOT NULL REFERENCES meal_order ON DELETE CASCADE,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    action     text NOT NULL,
    pressed_at timestamptz NOT NULL,
    stored_at  timestamptz NOT NULL,
    result     text NOT NULL CHECK (result IN ('done', 'refused')),
    message_zh text NOT NULL DEFAULT '',
    message_en text NOT NULL DEFAULT ''
);
CREATE INDEX meal_press_order ON meal_press (order_id);

-- What becomes of them at an erasure (care_services/privacy).
INSERT INTO erasure_rule (relation, act, years, law_zh, law_en)
SELECT relation, 'erase', NULL, '个人信息保护法第四十七条', 'PIPL article 47'
FROM (VALUES ('shut_door'), ('meal_press')) new (relation) ON CONFLICT (relation) DO NOTHING;

-- People of a provider see no resident. These tell them what an order needs: from the day before it until the day after.
CREATE FUNCTION provider_doors(since timestamptz, until timestamptz)
    RETURNS TABLE (order_id bigint, name_zh text, name_en text, area_zh text, area_en text, address_zh text,
                   address_en text, phone text, note text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE mine integer := viewer_provider(); today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    RETURN QUERY
        SELECT o.id, r.name_zh, r.name_en, a.name_zh, a.name_en, h.address_zh, h.address_en, h.phone,
               coalesce(p.note, '')
        FROM service_order o JOIN resident r ON r.id = o.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
        LEFT JOIN service_plan p ON p.id = o.plan_id
        WHERE o.organisation_id = mine AND o.planned_start >= greatest(since, (today - 1)::timestamp AT TIME ZONE
              'Asia/Shanghai') AND o.planned_start < least(until, (today + 2)::timestamp AT TIME ZONE 'Asia/Shanghai')
              AND o.state <> 'cancelled';
END $$;
REVOKE ALL ON FUNCTION provider_doors(timestamptz, timestamptz) FROM PUBLIC;

-- Allergies and texture only of whom who agreed to it (care_network/consents: meal_allergies): else told is not true.
CREATE FUNCTION provider_meals(asked date)
    RETURNS TABLE (order_id bigint, meal text, mode text, state text, code text, name_zh text, name_en text,
                   area_zh text, area_en text, address_zh text, address_en text, phone text, told boolean,
                   allergies text[], other_allergies text, texture text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE mine integer := viewer_provider(); today date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF asked NOT BETWEEN today - 1 AND today + 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT m.id, m.meal, m.mode, m.state, f.code, r.name_zh, r.name_en, a.name_zh, a.name_en, h.address_zh,
               h.address_en, h.phone, agreed.yes, CASE WHEN agreed.yes THEN d.allergies END,
               CASE WHEN agreed.yes THEN d.other_allergies END, CASE WHEN agreed.yes THEN d.texture END
        FROM meal_order m JOIN meal_offer f ON f.id = m.offer_id JOIN resident r ON r.id = m.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
        CROSS JOIN LATERAL (SELECT consent_of(r.id, 'meal_allergies') IS TRUE AS yes) agreed
        LEFT JOIN LATERAL (SELECT n.* FROM meal_diet n WHERE n.resident_id = r.id ORDER BY n.version DESC LIMIT 1) d
            ON true
        WHERE m.canteen_id = mine AND m.day = asked AND m.state <> 'cancelled'
        ORDER BY m.meal DESC, f.code, m.id;
END $$;
REVOKE ALL ON FUNCTION provider_meals(date) FROM PUBLIC;

-- Requests that a provider is asked for: what, when and whereabouts; who it is for, it learns with the order.
CREATE FUNCTION provider_requests()
    RETURNS TABLE (id integer, version integer, service text, wanted_at timestamptz, answer_by timestamptz, words text,
                   area_zh text, area_en text, staff text, yes_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE mine integer := viewer_provider();
BEGIN
    RETURN QUERY
        SELECT q.id, q.version, q.service, q.wanted_at, q.answer_by, q.words, a.name_zh, a.name_en, s.code, q.yes_at
        FROM service_request q JOIN resident r ON r.id = q.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area l ON l.id = h.area_id
        JOIN area a ON a.path = subpath(l.path, 0, least(nlevel(l.path), 4))
        LEFT JOIN staff s ON s.id = q.staff_id
        WHERE q.organisation_id = mine AND q.state = 'asked' ORDER BY q.answer_by, q.id LIMIT 200;
END $$;
REVOKE ALL ON FUNCTION provider_requests() FROM PUBLIC;

-- The provider's answer: NULL of wanted_start is a no, and the rounds ask the next one. False: somebody was first.
CREATE FUNCTION provider_answers(asked integer, seen integer, wanted_start timestamptz, who integer, why text,
                                 at timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE mine integer := viewer_provider(); me integer := viewer_account(); named text;
BEGIN
    SELECT a.name_zh INTO named FROM account a WHERE a.id = me;
    IF wanted_start IS NOT NULL THEN
        UPDATE service_request q SET yes_at = at, yes_start = wanted_start, yes_account = me, staff_id = who,
               version = q.version + 1
        WHERE q.id = asked AND q.version = seen AND q.state = 'asked' AND q.organisation_id = mine AND q.yes_at IS NULL
          AND (who IS NULL OR EXISTS (SELECT FROM staff s WHERE s.id = who AND s.organisation_id = mine));
    ELSE
        UPDATE service_request q SET organisation_id = NULL, staff_id = NULL, answer_by = at, version = q.version + 1
        WHERE q.id = asked AND q.version = seen AND q.state = 'asked' AND q.organisation_id = mine;
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO service_request_event (request_id, at, action, organisation_id, account_id, actor, note)
    VALUES (asked, provider_answers.at, CASE WHEN wanted_start IS NULL THEN 'decline' ELSE 'yes' END, mine, me, named,
            left(why, 400));
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION provider_answers(integer, integer, timestamptz, integer, text, timestamptz) FROM PUBLIC;
