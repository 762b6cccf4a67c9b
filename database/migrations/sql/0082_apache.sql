-- Chunks are dropped by their owner alone; the maintenance service may ask for it, and only for what retention lets go.
CREATE FUNCTION drop_old_readings() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM storage s CROSS JOIN LATERAL drop_chunks('reading', older_than => s.kept_from)
    WHERE s.kept_from > '-infinity'
$$;
