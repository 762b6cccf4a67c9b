-- Grades 'plain' and 'apache': roll-ups in tables of our own, kept by 'shouwang maintain'. Readings of the running hour
-- and hours that are due again are rolled up when they are asked for, so the views are right at any moment.
DROP VIEW reading_minute, reading_hour;
DROP FUNCTION reading_minutes(integer[], timestamptz, timestamptz);
DROP FUNCTION reading_hours(integer[], timestamptz, timestamptz);

-- Minutes of an hour and hours of a day lie together in one row: a fifth of the room of a row each, and a chart of a
-- year reads 365 rows. "slot": which minute of the hour, which hour of the day (UTC); the other arrays follow it.
CREATE TABLE rollup_minute (
    series_id integer NOT NULL,
    hour      timestamptz NOT NULL,
    slot      smallint[] NOT NULL,
    n         integer[] NOT NULL,
    mean      real[] NOT NULL,
    low       real[] NOT NULL,
    high      real[] NOT NULL,
    PRIMARY KEY (series_id, hour)
);
CREATE TABLE rollup_hour (
    series_id integer NOT NULL,
    day       timestamptz NOT NULL,
    slot      smallint[] NOT NULL,
    n         integer[] NOT NULL,
    mean      real[] NOT NULL,
    low       real[] NOT NULL,
    high      real[] NOT NULL,
    PRIMARY KEY (series_id, day)
);
-- The day's row is written anew every hour: room for the next version beside it.
ALTER TABLE rollup_hour SET (fillfactor = 80);

-- Hours to be rolled up (again). A log: who stores late readings appends in the same transaction and waits for nobody.
CREATE TABLE rollup_due (
    series_id integer NOT NULL,
    hour      timestamptz NOT NULL
);
CREATE INDEX rollup_due_series_hour ON rollup_due (series_id, hour);
CREATE INDEX rollup_due_hour ON rollup_due (hour);

ALTER TABLE storage
    -- Readings before it are rolled up or due; those since are rolled up when they are asked for. A full hour.
    ADD late_before timestamptz NOT NULL DEFAULT '-infinity',
    -- Readings before it are gone, or will be in a moment. Midnight UTC.
    ADD kept_from timestamptz NOT NULL DEFAULT '-infinity';

-- Called first in a transaction that stores readings. What is older than "late_before" has to be logged in rollup_due;
-- what is older than "kept_from" must not be stored. The lock keeps both from moving until the transaction ends.
CREATE FUNCTION begin_storing(OUT late_before timestamptz, OUT kept_from timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(357896770117); -- "STORE" in ASCII
    SELECT s.late_before, s.kept_from INTO begin_storing.late_before, begin_storing.kept_from FROM storage s;
END $$;

-- The job reads the retention from the table each time.
CREATE FUNCTION apply_retention() RETURNS void LANGUAGE sql AS '';

-- Readings that no roll-up holds yet.
CREATE VIEW reading_open AS
SELECT series_id, time, value FROM reading WHERE time >= (SELECT late_before FROM storage)
UNION ALL
SELECT due.series_id, r.time, r.value
FROM (SELECT DISTINCT d.series_id, d.hour FROM rollup_due d WHERE d.hour >= (SELECT kept_from FROM storage)) due
JOIN reading r ON r.series_id = due.series_id AND r.time >= due.hour AND r.time < due.hour + INTERVAL '1 hour';

CREATE VIEW reading_minute AS
SELECT p.series_id, p.hour + m.slot * INTERVAL '1 minute' AS time, m.n::bigint AS n, m.mean::double precision AS mean,
       m.low, m.high
FROM rollup_minute p CROSS JOIN LATERAL unnest(p.slot, p.n, p.mean, p.low, p.high) AS m (slot, n, mean, low, high)
WHERE NOT EXISTS (SELECT FROM rollup_due d WHERE d.series_id = p.series_id AND d.hour = p.hour
                                             AND d.hour >= (SELECT kept_from FROM storage))
UNION ALL
SELECT series_id, date_bin('1 minute', time, timestamptz '2000-01-01 00:00:00+00'), count(*), avg(value), min(value),
       max(value)
FROM reading_open GROUP BY 1, 2;

CREATE VIEW reading_hour AS
SELECT p.series_id, p.day + h.slot * INTERVAL '1 hour' AS time, h.n::bigint AS n, h.mean::double precision AS mean,
       h.low, h.high
FROM rollup_hour p CROSS JOIN LATERAL unnest(p.slot, p.n, p.mean, p.low, p.high) AS h (slot, n, mean, low, high)
WHERE NOT EXISTS (SELECT FROM rollup_due d WHERE d.series_id = p.series_id
                                             AND d.hour = p.day + h.slot * INTERVAL '1 hour'
                                             AND d.hour >= (SELECT kept_from FROM storage))
UNION ALL
SELECT series_id, date_bin('1 hour', time, timestamptz '2000-01-01 00:00:00+00'), count(*), avg(value), min(value),
       max(value)
FROM reading_open GROUP BY 1, 2;

-- Rows of the views from "since" (included) to "until" (excluded), with the bounds moved below the roll-up, where the
-- indexes can use them.
CREATE FUNCTION reading_minutes(series integer[], since timestamptz, until timestamptz)
RETURNS TABLE (series_id integer, "time" timestamptz, n bigint, mean double precision, low real, high real)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.series_id, p.hour + m.slot * INTERVAL '1 minute', m.n::bigint, m.mean::double precision, m.low, m.high
    FROM rollup_minute p CROSS JOIN LATERAL unnest(p.slot, p.n, p.mean, p.low, p.high) AS m (slot, n, mean, low, high)
    WHERE p.series_id = ANY (series) AND p.hour > since - INTERVAL '1 hour' AND p.hour < until
      AND p.hour + m.slot * INTERVAL '1 minute' >= since AND p.hour + m.slot * INTERVAL '1 minute' < until
      AND NOT EXISTS (SELECT FROM rollup_due d WHERE d.series_id = p.series_id AND d.hour = p.hour
                                                 AND d.hour >= (SELECT kept_from FROM storage))
    UNION ALL
    SELECT r.series_id, date_bin('1 minute', r.time, timestamptz '2000-01-01 00:00:00+00'), count(*), avg(r.value),
           min(r.value), max(r.value)
    FROM reading_open r
    WHERE r.series_id = ANY (series)
      AND r.time >= date_bin('1 minute', since + INTERVAL '1 minute' - INTERVAL '1 microsecond',
                             timestamptz '2000-01-01 00:00:00+00')
      AND r.time < date_bin('1 minute', until + INTERVAL '1 minute' - INTERVAL '1 microsecond',
                            timestamptz '2000-01-01 00:00:00+00')
    GROUP BY 1, 2
$$;

CREATE FUNCTION reading_hours(series integer[], since timestamptz, until timestamptz)
RETURNS TABLE (series_id integer, "time" timestamptz, n bigint, mean double precision, low real, high real)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.series_id, p.day + h.slot * INTERVAL '1 hour', h.n::bigint, h.mean::double precision, h.low, h.high
    FROM rollup_hour p CROSS JOIN LATERAL unnest(p.slot, p.n, p.mean, p.low, p.high) AS h (slot, n, mean, low, high)
    WHERE p.series_id = ANY (series) AND p.day > since - INTERVAL '1 day' AND p.day < until
      AND p.day + h.slot * INTERVAL '1 hour' >= since AND p.day + h.slot * INTERVAL '1 hour' < until
      AND NOT EXISTS (SELECT FROM rollup_due d WHERE d.series_id = p.series_id
                                                 AND d.hour = p.day + h.slot * INTERVAL '1 hour'
                                                 AND d.hour >= (SELECT kept_from FROM storage))
    UNION ALL
    SELECT r.series_id, date_bin('1 hour', r.time, timestamptz '2000-01-01 00:00:00+00'), count(*), avg(r.value),
           min(r.value), max(r.value)
    FROM reading_open r
    WHERE r.series_id = ANY (series)
      AND r.time >= date_bin('1 hour', since + INTERVAL '1 hour' - INTERVAL '1 microsecond',
                             timestamptz '2000-01-01 00:00:00+00')
      AND r.time < date_bin('1 hour', until + INTERVAL '1 hour' - INTERVAL '1 microsecond',
                            timestamptz '2000-01-01 00:00:00+00')
    GROUP BY 1, 2
$$;
