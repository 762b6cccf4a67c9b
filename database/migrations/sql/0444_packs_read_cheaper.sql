-- As in 0442, a quarter cheaper: arrays are unnested side by side without keeping what comes out, and what a pack has once
-- is reckoned once. A time is rounded to µs from one division in double precision: exact until the year 2106.
CREATE OR REPLACE FUNCTION readings(series integer, since timestamptz, until timestamptz)
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value FROM reading_row r
    WHERE r.series_id = readings.series AND r.time >= readings.since AND r.time < readings.until
    UNION ALL
    SELECT x.time, x.value
    FROM (
        SELECT to_timestamp((u.us + u.unit * CASE
                   WHEN u.t2 IS NOT NULL THEN u.t2 + 32768
                   WHEN u.t4 IS NOT NULL THEN u.t4 + 2147483648
                        + CASE WHEN u.turns IS NULL THEN 0 ELSE 4294967296 * width_bucket(u.place, u.turns) END
                   ELSE u.place - 1 END) / 1e6::double precision) AS time,
               coalesce(u.v4, ((u.low + u.step * coalesce(u.v1::integer + 128, u.v2 + 32768, 0)) / u.scale)::real) AS value
        FROM (
            SELECT p.us, p.unit, p.low, p.step, p.scale, p.turns, generate_series(1, p.n) AS place, unnest(p.t2) AS t2,
                   unnest(p.t4) AS t4, unnest(p.v1) AS v1, unnest(p.v2) AS v2, unnest(p.v4) AS v4
            FROM (
                SELECT (extract(epoch FROM k.since) * 1000000)::bigint AS us, k.unit, k.low, k.step::double precision AS step,
                       k.scale::double precision AS scale, k.turns, k.n, k.t2, k.t4, k.v1, k.v2, k.v4
                FROM reading_pack k
                WHERE k.series_id = readings.series AND k.since > readings.since - INTERVAL '24 hours'
                  AND k.since < readings.until AND k.until >= readings.since OFFSET 0) p) u OFFSET 0) x
    WHERE x.time >= readings.since AND x.time < readings.until
$$;
