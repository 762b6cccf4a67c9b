-- Grade 'community': waiting is told to TimescaleDB's job as the time of its next run; it stays scheduled.
ALTER TABLE storage ADD policies_set_at timestamptz NOT NULL DEFAULT now();

CREATE OR REPLACE FUNCTION retention_waits(span interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz;
BEGIN
    UPDATE storage SET waits_until = now() + span RETURNING waits_until INTO STRICT until;
    PERFORM alter_job(job_id, next_start => until) FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = 'reading';
    RETURN until;
END $$;

-- As in 0040, and: the time is remembered, and a new policy for the readings waits as the one before did.
CREATE OR REPLACE FUNCTION apply_retention() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kept storage;
    job integer;
BEGIN
    UPDATE storage SET looks_back = refresh_span(), policies_set_at = now() RETURNING * INTO STRICT kept;
    -- compression of an aggregate has to begin behind its refresh: away with it before the refresh moves
    PERFORM remove_compression_policy('reading_minute', if_exists => true);
    PERFORM remove_compression_policy('reading_hour', if_exists => true);
    PERFORM remove_continuous_aggregate_policy('reading_minute', if_exists => true);
    PERFORM remove_continuous_aggregate_policy('reading_hour', if_exists => true);
    PERFORM add_continuous_aggregate_policy('reading_minute', start_offset => kept.looks_back,
        end_offset => INTERVAL '2 minutes', schedule_interval => INTERVAL '2 minutes');
    PERFORM add_continuous_aggregate_policy('reading_hour', start_offset => kept.looks_back,
        end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '10 minutes');
    PERFORM add_compression_policy('reading_minute', compress_after => kept.raw_for);
    PERFORM add_compression_policy('reading_hour', compress_after => kept.raw_for);
    PERFORM remove_retention_policy('reading', if_exists => true);
    PERFORM remove_retention_policy('reading_minute', if_exists => true);
    PERFORM remove_retention_policy('reading_hour', if_exists => true);
    job := add_retention_policy('reading', drop_after => kept.raw_for);
    IF kept.waits_until > now() THEN
        PERFORM alter_job(job, next_start => kept.waits_until);
    END IF;
    PERFORM add_retention_policy('reading_minute', drop_after => kept.minutes_for);
    PERFORM add_retention_policy('reading_hour', drop_after => kept.hours_for);
END $$;
