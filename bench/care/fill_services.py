"""Write three years of services at home and meals: two million service orders, half a million meals."""

from vocabulary.times import SHANGHAI

__all__ = ["MEALS", "SHANGHAI", "SIZES", "VISITS", "WHO"]

SIZES = {"orders": 2_000_000, "meals": 600_000, "days": 3 * 365, "plans": 12_000}

WHO = """
    CREATE TEMP TABLE who ON COMMIT DROP AS
    SELECT r.id, r.household_id, r.code, a.path, a.id AS area_id, (row_number() OVER (ORDER BY r.id))::int AS n
    FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
"""
"""The residents, numbered: every part begins with it."""

_VISITS = (
    WHO,
    """
    CREATE TEMP TABLE offered ON COMMIT DROP AS SELECT DISTINCT p.service, p.organisation_id, p.price_fen,
           c.minutes, c.unit, c.work, a.path, row_number() OVER (ORDER BY p.service, p.organisation_id) AS n
    FROM service_price p JOIN care_service c ON c.code = p.service JOIN organisation o ON o.id = p.organisation_id
    JOIN area a ON a.id = o.area_id
    """,
    """
    CREATE TEMP TABLE work ON COMMIT DROP AS
    SELECT w.id AS resident_id, w.n AS who, f.*, (SELECT array_agg(s.id) FROM staff s
           WHERE s.organisation_id = f.organisation_id
             AND s.kind = CASE f.work WHEN 'nursing_visit' THEN 'nurse' ELSE 'carer' END) AS people
    FROM who w JOIN LATERAL (
        SELECT * FROM offered f WHERE w.path <@ f.path ORDER BY (f.n * 7919 + w.n * 104729) %% 1009 LIMIT 2
    ) f ON true
    """,
    """
    INSERT INTO service_plan (resident_id, service, organisation_id, staff_id, weekdays, times, first_day, minutes,
                              created_at)
    SELECT resident_id, service, organisation_id,
           CASE WHEN who %% 2 = 0 THEN people[1 + who / 2 %% cardinality(people)] END,
           ARRAY[1 + who %% 5, 6]::smallint[], ARRAY[TIME '09:00' + (who %% 20) * INTERVAL '30 minutes'],
           %(today)s::date - 1100, minutes, now()
    FROM work ORDER BY resident_id, n LIMIT %(plans)s
    """,
    """
    CREATE TEMP TABLE lines ON COMMIT DROP AS
    SELECT w.*, p.id AS plan_id, (row_number() OVER (ORDER BY w.resident_id, w.n))::int - 1 AS line
    FROM work w LEFT JOIN LATERAL (SELECT id FROM service_plan p WHERE p.resident_id = w.resident_id
        AND p.service = w.service AND p.organisation_id = w.organisation_id ORDER BY id DESC LIMIT 1) p ON true
    """,
    "ANALYZE lines",
    """
    INSERT INTO settlement (number, organisation_id, month, settled_at, actor, visits, minutes, amount_fen, subsidy_fen,
                            own_fen, corrections, correction_fen, frozen)
    SELECT 'S-' || to_char(m, 'YYYYMM') || '-' || o.code, o.id, m::date, m + INTERVAL '35 days', '某', 0, 0, 0, 0, 0, 0,
           0, true
    FROM organisation o, generate_series(date_trunc('month', %(today)s::date - %(days)s::int),
        date_trunc('month', %(today)s::date) - INTERVAL '2 months', INTERVAL '1 month') m
    WHERE o.id IN (SELECT organisation_id FROM offered) ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO service_order (resident_id, service, organisation_id, staff_id, plan_id, plan_slot, source,
        planned_start, planned_minutes,
        state, unit, price_fen, amount_fen, subsidy_fen, own_fen, subsidy_rule, subsidy_open, checked_in_at,
        checked_in_by, checked_out_at, done_minutes, tasks_done, settlement_id, created_at)
    SELECT w.resident_id, w.service, w.organisation_id, w.people[1 + (w.who + k) %% cardinality(w.people)],
           w.plan_id, CASE WHEN w.plan_id IS NOT NULL THEN t.at + k * INTERVAL '1 microsecond' END, 'plan', t.at,
           w.minutes, CASE WHEN t.luck < 0.03 THEN 'cancelled' WHEN t.luck < 0.05 THEN 'missed'
                                 WHEN t.luck < 0.06 THEN 'refused_at_door' WHEN t.luck < 0.4 THEN 'confirmed'
                                 ELSE 'checked_out' END,
           w.unit, w.price_fen, w.price_fen, w.price_fen / 3, w.price_fen - w.price_fen / 3, 'age_80', t.luck > 0.9,
           CASE WHEN t.luck >= 0.06 THEN t.at + INTERVAL '3 minutes' END,
           CASE WHEN t.luck >= 0.06 THEN (ARRAY['place', 'code', 'device', 'station'])[1 + (k %% 4)] END,
           CASE WHEN t.luck >= 0.06 THEN t.at + w.minutes * INTERVAL '1 minute' END,
           CASE WHEN t.luck >= 0.06 THEN w.minutes END, CASE WHEN t.luck >= 0.06 THEN '{1,2}'::smallint[] END,
           CASE WHEN t.luck >= 0.06 THEN s.id END, t.at - INTERVAL '14 days'
    FROM generate_series(%(orders)s, 1, -1) k
    JOIN lines w ON w.line = (k::bigint * 7919) %% (SELECT count(*) FROM lines)
    CROSS JOIN LATERAL (
        SELECT (k::bigint * 48271 %% 100003) / 100003.0 AS luck,
               (date_trunc('day', %(now)s::timestamptz) - (k::bigint * %(days)s / %(orders)s) *
               INTERVAL '1 day' - INTERVAL '1 day' + (60 + (k::bigint * 104729) %% 600) * INTERVAL '1 minute') AS at
    ) t
    LEFT JOIN settlement s ON s.organisation_id = w.organisation_id
      AND s.month = date_trunc('month', t.at AT TIME ZONE 'Asia/Shanghai')::date
    """,
    """
    INSERT INTO settlement_line (settlement_id, order_id, kind, minutes, amount_fen, subsidy_fen, own_fen)
    SELECT settlement_id, id, 'visit', done_minutes, amount_fen, subsidy_fen, own_fen
    FROM service_order o WHERE settlement_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM settlement_line l WHERE l.order_id = o.id)
    """,
    """
    INSERT INTO service_rating (order_id, rated_by, stars, at) SELECT id, 'family', 1 + (id %% 5), checked_out_at
    FROM service_order WHERE state = 'confirmed' AND id %% 3 = 0 ON CONFLICT DO NOTHING
    """,
    """
    UPDATE service_rating SET seen_at = at + INTERVAL '2 days', seen_by = '某'
    WHERE stars <= 2 AND order_id %% 50 <> 0
    """,
    """
    INSERT INTO service_request (resident_id, service, asked_by, actor, wanted_at, state, organisation_id, answer_by,
                                 created_at)
    SELECT w.resident_id, w.service, 'family', '家属', t.at + INTERVAL '1 day',
           CASE WHEN k <= 40 THEN 'asked' ELSE 'withdrawn' END, w.organisation_id, t.at + INTERVAL '30 minutes', t.at
    FROM generate_series(1, 30000) k
    JOIN lines w ON w.line = (k::bigint * 7919) %% (SELECT count(*) FROM lines)
    CROSS JOIN LATERAL (SELECT %(now)s::timestamptz - k * INTERVAL '50 minutes' AS at) t
    """,
)

_MEALS = (
    WHO,
    """
    CREATE TEMP TABLE kitchen ON COMMIT DROP AS
    SELECT o.id, row_number() OVER (ORDER BY o.id) AS n, count(*) OVER () AS of,
           (SELECT f.dishes FROM meal_offer f ORDER BY f.canteen_id = o.id DESC, f.id LIMIT 1) AS dishes
    FROM organisation o WHERE o.kind = 'canteen' AND o.active
    """,
    """
    INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen)
    SELECT c.id, %(today)s::date - d, m, x, c.dishes, 1500
    FROM kitchen c, generate_series(-2, %(days)s) d, unnest(ARRAY['lunch', 'dinner']) m, unnest(ARRAY['A', 'B']) x
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO meal_diet (resident_id, version, allergies, diets, texture, said_by, said_on, recorded_at)
    SELECT id, 1, '{}', '{}', 'regular', 'family', %(today)s::date - 300, %(now)s::timestamptz - INTERVAL '300 days'
    FROM who ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO meal_order (resident_id, canteen_id, offer_id, day, meal, mode, state, price_fen, subsidy_fen, rule,
                            ordered_at, ended_at, handed_to)
    SELECT w.id, f.canteen_id, f.id, f.day, f.meal, CASE WHEN i %% 3 = 0 THEN 'dine_in' ELSE 'delivery' END,
           CASE WHEN f.day >= %(today)s::date THEN 'ordered' WHEN i %% 3 = 0 THEN 'eaten'
                WHEN i %% 50 = 1 THEN 'absent' ELSE 'delivered' END,
           1500, 500, 'age_80', f.day::timestamp AT TIME ZONE 'Asia/Shanghai' - INTERVAL '16 hours',
           CASE WHEN f.day < %(today)s::date
                THEN f.day::timestamp AT TIME ZONE 'Asia/Shanghai' + INTERVAL '12 hours' END,
           CASE WHEN f.day < %(today)s::date AND i %% 3 <> 0 AND i %% 50 <> 1 THEN 'resident' END
    FROM generate_series(%(days)s, -1, -1) d CROSS JOIN generate_series(1, %(meals)s / %(days)s) i
    JOIN who w ON w.n = 1 + (i * 11 + d * 131) %% (SELECT max(n) FROM who)
    JOIN kitchen c ON c.n = 1 + w.n %% c.of
    JOIN meal_offer f ON f.canteen_id = c.id AND f.day = %(today)s::date - d AND f.code = 'A'
      AND f.meal = CASE WHEN i %% 4 = 0 THEN 'dinner' ELSE 'lunch' END
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO meal_absence (order_id, resident_id, at, seen_to_at, found)
    SELECT id, resident_id, ended_at, CASE WHEN id %% 40 <> 0 THEN ended_at + INTERVAL '1 hour' END,
           CASE WHEN id %% 40 <> 0 THEN 'out' END
    FROM meal_order WHERE state = 'absent' ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO meal_round (canteen_id, day, meal, metres, made_at)
    SELECT c.id, %(today)s::date - d, 'lunch', 4000, %(now)s FROM kitchen c, generate_series(0, %(days)s) d
    WHERE NOT EXISTS (SELECT FROM meal_round r WHERE r.canteen_id = c.id AND r.day = %(today)s::date - d)
    """,
    """
    INSERT INTO meal_stop (round_id, place, order_id)
    SELECT round_id, n, id FROM (
        SELECT r.id AS round_id, o.id, row_number() OVER (PARTITION BY r.id ORDER BY o.id) AS n
        FROM meal_round r JOIN meal_order o ON o.canteen_id = r.canteen_id AND o.day = r.day AND o.meal = r.meal
        WHERE o.mode = 'delivery' AND o.state <> 'cancelled'
    ) s WHERE n <= 40 ON CONFLICT DO NOTHING
    """,
)
VISITS = (("visits", _VISITS),)
MEALS = (("meals", _MEALS),)
WITHOUT_INDEXES = {
    "visits": ("service_order", "settlement_line", "service_rating"),
    "meals": ("meal_order", "meal_stop"),
}
"""Tables whose indexes are made anew after a part: two million rows take a third of the time."""
