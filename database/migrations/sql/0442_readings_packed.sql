-- Grades 'plain' and 'apache': readings stand in two places. "reading_row" takes what comes, a row each, some 100 bytes
-- with its index; 'shouwang maintain' packs days that ended a day ago, by series, into "reading_pack", some 6 bytes each.
-- A reading is in exactly one of them at any moment. "reading" shows both; queries with bounds ask the functions below,
-- which unpack only the packs of their span.
ALTER TABLE reading RENAME TO reading_row;

-- At most 4,096 readings of a series and a day (UTC), in order of time. See database/packing/form.py for the arrays.
CREATE TABLE reading_pack (
    since     timestamptz NOT NULL,     -- of the first reading
    until     timestamptz NOT NULL,     -- of the last reading
    unit      bigint NOT NULL,          -- µs; times are multiples of it after the first
    low       double precision NOT NULL,
    series_id integer NOT NULL,
    n         integer NOT NULL,
    step      integer NOT NULL,
    scale     integer NOT NULL,
    t2        smallint[],               -- times in two bytes, or in four and the places where their 2^32 begin anew,
    t4        integer[],                -- or evenly spaced
    turns     integer[],
    v1        "char"[],                 -- values in a byte, or in two, or as they are, or all the same
    v2        smallint[],
    v4        real[]
);
-- Not unique: a time that more than 4,096 readings share begins several packs.
CREATE INDEX reading_pack_series_since ON reading_pack (series_id, since);

-- Series whose day is to be packed (again). A log like rollup_due.
CREATE TABLE pack_due (
    series_id integer NOT NULL,
    day       timestamptz NOT NULL
);
CREATE INDEX pack_due_day ON pack_due (day, series_id);
-- Readings before it are packed, or listed in pack_due. Midnight UTC.
ALTER TABLE storage ADD packed_before timestamptz NOT NULL DEFAULT '-infinity';

-- Stable, as adding an interval is: else it would be called for each reading, not put into the query.
CREATE FUNCTION pack_time(since timestamptz, unit bigint, place bigint, t2 smallint, t4 integer, turns integer[])
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT since + INTERVAL '1 microsecond' * (unit * CASE
        WHEN t2 IS NOT NULL THEN t2 + 32768
        WHEN t4 IS NOT NULL THEN t4 + 2147483648 + coalesce(4294967296 * width_bucket(place::integer, turns), 0)
        ELSE place - 1 END)
$$;
CREATE FUNCTION pack_value(low double precision, step integer, scale integer, v1 "char", v2 smallint, v4 real)
RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(v4, ((low + step::double precision * coalesce(v1::integer + 128, v2 + 32768, 0)) / scale)::real)
$$;

CREATE VIEW reading AS
SELECT time, series_id, value FROM reading_row
UNION ALL
SELECT pack_time(p.since, p.unit, u.place, u.t2, u.t4, p.turns), p.series_id,
       pack_value(p.low, p.step, p.scale, u.v1, u.v2, u.v4)
FROM reading_pack p
CROSS JOIN LATERAL unnest(p.t2, p.t4, p.v1, p.v2, p.v4) WITH ORDINALITY AS u (t2, t4, v1, v2, v4, place);
ALTER VIEW reading SET (security_invoker = true);

-- Programs of the release before, and whoever writes SQL by hand, store and delete through the view.
CREATE FUNCTION store_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reading_row (time, series_id, value) VALUES (NEW.time, NEW.series_id, NEW.value);
    RETURN NEW;
END $$;
CREATE TRIGGER reading_stored INSTEAD OF INSERT ON reading FOR EACH ROW EXECUTE FUNCTION store_reading();
-- The packs that hold the reading become rows first: maintenance packs again what is left of them.
CREATE FUNCTION forget_reading() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH opened AS (
        DELETE FROM reading_pack p WHERE p.series_id = OLD.series_id AND p.since <= OLD.time
            AND p.since > OLD.time - INTERVAL '24 hours' AND p.until >= OLD.time RETURNING *
    ), listed AS (
        INSERT INTO pack_due (series_id, day) SELECT series_id, date_trunc('day', since, 'UTC') FROM opened
    )
    INSERT INTO reading_row (time, series_id, value)
    SELECT pack_time(p.since, p.unit, u.place, u.t2, u.t4, p.turns), p.series_id,
           pack_value(p.low, p.step, p.scale, u.v1, u.v2, u.v4)
    FROM opened p
    CROSS JOIN LATERAL unnest(p.t2, p.t4, p.v1, p.v2, p.v4) WITH ORDINALITY AS u (t2, t4, v1, v2, v4, place);
    DELETE FROM reading_row r WHERE r.series_id = OLD.series_id AND r.time = OLD.time AND r.value = OLD.value;
    RETURN OLD;
END $$;
REVOKE ALL ON FUNCTION forget_reading() FROM PUBLIC;
CREATE TRIGGER reading_forgotten INSTEAD OF DELETE ON reading FOR EACH ROW EXECUTE FUNCTION forget_reading();

-- Readings of a series from "since" (included) to "until" (excluded).
CREATE FUNCTION readings(series integer, since timestamptz, until timestamptz)
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value FROM reading_row r
    WHERE r.series_id = readings.series AND r.time >= readings.since AND r.time < readings.until
    UNION ALL
    SELECT x.time, x.value
    FROM reading_pack p
    CROSS JOIN LATERAL (
        SELECT pack_time(p.since, p.unit, u.place, u.t2, u.t4, p.turns) AS time,
               pack_value(p.low, p.step, p.scale, u.v1, u.v2, u.v4) AS value
        FROM unnest(p.t2, p.t4, p.v1, p.v2, p.v4) WITH ORDINALITY AS u (t2, t4, v1, v2, v4, place) OFFSET 0) x
    WHERE p.series_id = readings.series AND p.since > readings.since - INTERVAL '24 hours'
      AND p.since < readings.until AND p.until >= readings.since
      AND x.time >= readings.since AND x.time < readings.until
$$;

-- The newest "most" of them that are not below "lowest". Rows of days that are not packed yet come first: only where
-- they are too few the packs are looked into, and of these, from the newest on, no more than hold that many.
CREATE FUNCTION newest_readings(
    series integer, since timestamptz, until timestamptz, most bigint, lowest double precision DEFAULT '-infinity')
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT n.time, n.value FROM (
        (SELECT r.time, r.value FROM reading_row r
         WHERE r.series_id = newest_readings.series AND r.time < newest_readings.until
           AND r.time >= greatest(newest_readings.since, (SELECT s.packed_before FROM storage s))
           AND r.value >= newest_readings.lowest
         ORDER BY r.time DESC LIMIT newest_readings.most)
        UNION ALL
        (SELECT r.time, r.value
         FROM (SELECT least(newest_readings.until, (SELECT s.packed_before FROM storage s)) AS until OFFSET 0) b
         CROSS JOIN LATERAL (
             SELECT greatest(newest_readings.since, max(f.since)) AS since FROM (
                 SELECT p.since, sum(CASE WHEN p.until < b.until THEN p.n ELSE 0 END) OVER (ORDER BY p.since DESC) AS held
                 FROM reading_pack p WHERE p.series_id = newest_readings.series AND p.since < b.until
                   AND p.since > newest_readings.since - INTERVAL '24 hours') f
             WHERE newest_readings.lowest = '-infinity' AND f.held >= newest_readings.most) c
         CROSS JOIN LATERAL readings(newest_readings.series, c.since, b.until) r
         WHERE r.value >= newest_readings.lowest
         ORDER BY r.time DESC LIMIT newest_readings.most)
    ) n LIMIT newest_readings.most
$$;
-- The oldest "most" of them; the packs that are looked into hold that many.
CREATE FUNCTION oldest_readings(series integer, since timestamptz, until timestamptz, most bigint)
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value
    FROM (
        SELECT least(oldest_readings.until, min(f.until) + INTERVAL '1 microsecond') AS until FROM (
            SELECT p.until, sum(CASE WHEN p.since >= oldest_readings.since THEN p.n ELSE 0 END)
                OVER (ORDER BY p.since) AS held
            FROM reading_pack p WHERE p.series_id = oldest_readings.series AND p.since < oldest_readings.until
              AND p.since > oldest_readings.since - INTERVAL '24 hours') f
        WHERE f.held >= oldest_readings.most) c
    CROSS JOIN LATERAL readings(oldest_readings.series, oldest_readings.since, c.until) r
    ORDER BY r.time LIMIT oldest_readings.most
$$;

-- Readings that no roll-up holds yet: late ones may lie in days that are packed.
CREATE OR REPLACE VIEW reading_open AS
SELECT series_id, time, value FROM reading_row WHERE time >= (SELECT late_before FROM storage)
UNION ALL
SELECT due.series_id, r.time, r.value
FROM (SELECT DISTINCT d.series_id, d.hour FROM rollup_due d WHERE d.hour >= (SELECT kept_from FROM storage)) due
CROSS JOIN LATERAL readings(due.series_id, due.hour, due.hour + INTERVAL '1 hour') r;

-- Whoever reads and writes "reading" goes on: the grants of the table are its view's, too, and its readers read packs.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT g.grantee, g.privilege_type AS what FROM information_schema.role_table_grants g
        WHERE g.table_schema = 'public' AND g.table_name = 'reading_row' AND g.grantee <> current_user
          AND g.privilege_type IN ('SELECT', 'INSERT', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON reading TO %I', one.what, one.grantee);
        IF one.what = 'SELECT' THEN
            EXECUTE format('GRANT SELECT ON reading_pack TO %I', one.grantee);
        END IF;
    END LOOP;
END $$;
