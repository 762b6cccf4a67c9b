-- Until then no reading is removed. A time and not a switch: who asked for it may be killed, and it ends all the same.
ALTER TABLE storage ADD waits_until timestamptz NOT NULL DEFAULT '-infinity';

-- No reading is removed for so long from now on; called again, it is for so long from then on; a span of 0 ends it.
CREATE FUNCTION retention_waits(span interval) RETURNS timestamptz LANGUAGE sql AS $$
    UPDATE storage SET waits_until = now() + span RETURNING waits_until
$$;
