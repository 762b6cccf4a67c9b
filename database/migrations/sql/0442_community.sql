-- Grade 'community': TimescaleDB compresses the readings itself; the functions are those of the other grades.
CREATE FUNCTION readings(series integer, since timestamptz, until timestamptz)
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value FROM reading r
    WHERE r.series_id = readings.series AND r.time >= readings.since AND r.time < readings.until
$$;
CREATE FUNCTION newest_readings(
    series integer, since timestamptz, until timestamptz, most bigint, lowest double precision DEFAULT '-infinity')
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value FROM reading r
    WHERE r.series_id = newest_readings.series AND r.time >= newest_readings.since AND r.time < newest_readings.until
      AND r.value >= newest_readings.lowest
    ORDER BY r.time DESC LIMIT newest_readings.most
$$;
CREATE FUNCTION oldest_readings(series integer, since timestamptz, until timestamptz, most bigint)
RETURNS TABLE ("time" timestamptz, value real) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT r.time, r.value FROM reading r
    WHERE r.series_id = oldest_readings.series AND r.time >= oldest_readings.since AND r.time < oldest_readings.until
    ORDER BY r.time LIMIT oldest_readings.most
$$;
