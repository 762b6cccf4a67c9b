-- One chunk a day; the index is ours (see the migration), not the default one on time.
SELECT create_hypertable('reading', 'time', chunk_time_interval => INTERVAL '1 day', create_default_indexes => false);
