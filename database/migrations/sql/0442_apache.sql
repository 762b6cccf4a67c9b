-- Chunks are dropped by their owner alone; the maintenance service may ask for it, and only for what retention lets go.
CREATE OR REPLACE FUNCTION drop_old_readings() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM storage s CROSS JOIN LATERAL drop_chunks('reading_row', older_than => s.kept_from)
    WHERE s.kept_from > '-infinity'
$$;
-- Of the chunks whose days are packed those go that hold nothing any more. The lock keeps late readings of these days
-- out meanwhile, and nothing else.
CREATE FUNCTION drop_packed_chunks() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    chunk record;
    held  boolean;
    gone  bigint := 0;
BEGIN
    FOR chunk IN
        SELECT c.chunk_schema, c.chunk_name, c.range_start, c.range_end FROM timescaledb_information.chunks c, storage s
        WHERE c.hypertable_name = 'reading_row' AND c.range_end <= s.packed_before ORDER BY c.range_start
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', chunk.chunk_schema, chunk.chunk_name) INTO held;
        CONTINUE WHEN held;
        EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', chunk.chunk_schema, chunk.chunk_name);
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', chunk.chunk_schema, chunk.chunk_name) INTO held;
        CONTINUE WHEN held;
        gone := gone + (SELECT count(*) FROM drop_chunks('reading_row', older_than => chunk.range_end,
                                                         newer_than => chunk.range_start));
    END LOOP;
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION drop_packed_chunks() FROM PUBLIC;
