-- Real-time continuous aggregates: the newest buckets come from the readings themselves.
CREATE MATERIALIZED VIEW reading_minute WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket(INTERVAL '1 minute', time) AS time, count(*) AS n, avg(value)::real AS mean, min(value) AS low, max(value) AS high
FROM reading GROUP BY series_id, time_bucket(INTERVAL '1 minute', time) WITH NO DATA;
CREATE MATERIALIZED VIEW reading_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT series_id, time_bucket(INTERVAL '1 hour', time) AS time, count(*) AS n, avg(value)::real AS mean, min(value) AS low, max(value) AS high
FROM reading GROUP BY series_id, time_bucket(INTERVAL '1 hour', time) WITH NO DATA;
SELECT add_continuous_aggregate_policy('reading_minute', start_offset => INTERVAL '8 days', end_offset => INTERVAL '5 minutes', schedule_interval => INTERVAL '5 minutes');
SELECT add_continuous_aggregate_policy('reading_hour', start_offset => INTERVAL '8 days', end_offset => INTERVAL '2 hours', schedule_interval => INTERVAL '30 minutes');
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'time DESC');
SELECT add_compression_policy('reading', INTERVAL '10 days');
SELECT add_retention_policy('reading', INTERVAL '90 days');
SELECT add_retention_policy('reading_minute', INTERVAL '2 years');
SELECT add_retention_policy('reading_hour', INTERVAL '10 years');
