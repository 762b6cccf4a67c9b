-- Grade 'community': TimescaleDB's own policies, set from the table "storage".
--
-- Only what changed in the window is refreshed, so a wide one is cheap: a gateway may bring a month's backlog.
-- Three spans must fit: what ingest accepts < what a refresh looks at < what is kept of the readings. A late reading is
-- then always refreshed, and no refresh ever sees a time whose readings are gone, which would empty its roll-ups.
ALTER TABLE storage
    -- Readings before it may be gone: their retention was shorter once. Longer retention does not bring them back, and
    -- TimescaleDB takes dropped chunks for changes to be refreshed.
    ADD kept_from timestamptz NOT NULL DEFAULT '-infinity',
    -- How far the refresh policies in force look back.
    ADD looks_back interval NOT NULL DEFAULT '89 days';

CREATE FUNCTION storage_remember_kept_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.kept_from := greatest(OLD.kept_from, now() - OLD.raw_for);
    RETURN NEW;
END $$;
CREATE TRIGGER storage_kept_from BEFORE UPDATE OF raw_for ON storage
    FOR EACH ROW EXECUTE FUNCTION storage_remember_kept_from();

-- How far a refresh may look back now, in full days: grows by a day a day after the retention was made longer.
CREATE FUNCTION refresh_span() RETURNS interval LANGUAGE sql STABLE AS $$
    SELECT date_trunc('day', now() - greatest(kept_from, now() - raw_for)) - INTERVAL '1 day' FROM storage
$$;

CREATE FUNCTION apply_retention() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kept storage;
BEGIN
    UPDATE storage SET looks_back = refresh_span() RETURNING * INTO STRICT kept;
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
    PERFORM add_retention_policy('reading', drop_after => kept.raw_for);
    PERFORM add_retention_policy('reading_minute', drop_after => kept.minutes_for);
    PERFORM add_retention_policy('reading_hour', drop_after => kept.hours_for);
END $$;

ALTER MATERIALIZED VIEW reading_minute SET (timescaledb.compress = true);
ALTER MATERIALIZED VIEW reading_hour SET (timescaledb.compress = true);
SELECT apply_retention();

-- Called first in a transaction that stores readings: at this grade nothing has to be logged, TimescaleDB does that.
CREATE FUNCTION begin_storing(OUT late_before timestamptz, OUT kept_from timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT timestamptz '-infinity', now() - looks_back + INTERVAL '1 day' FROM storage
$$;
