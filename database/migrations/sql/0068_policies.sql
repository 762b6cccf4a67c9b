-- Grade 'community': as in 0065, until the last wait ends.
CREATE OR REPLACE FUNCTION retention_waits(span interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := remember_retention_wait(span);
BEGIN
    PERFORM alter_job(job_id, next_start => until) FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = 'reading';
    RETURN until;
END $$;
