-- Of the city's database alone; run again at each `shouwang city init`.

-- Rows that a subscription brings are of its own district, so that no district can speak for another one; and a row that
-- is there already is replaced, so that a district can be copied again and the city's history stays. TG_ARGV: the key
-- after the district.
CREATE OR REPLACE FUNCTION city.take() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    speaker text := current_setting('city.speaker', true);
    same    text := '';
BEGIN
    IF speaker IS NULL OR speaker = '' THEN
        SELECT subname INTO speaker FROM pg_stat_subscription WHERE pid = pg_backend_pid() LIMIT 1;
        PERFORM set_config('city.speaker', coalesce(speaker, ''), false);
    END IF;
    IF 'district_' || NEW.district IS DISTINCT FROM speaker THEN
        RAISE EXCEPTION 'the subscription % brings a row of the district %', speaker, NEW.district;
    END IF;
    IF TG_OP = 'INSERT' THEN
        FOR i IN 0 .. TG_NARGS - 1 LOOP
            same := same || format(' AND t.%1$I = ($1).%1$I', TG_ARGV[i]);
        END LOOP;
        EXECUTE format('DELETE FROM city.%I t WHERE t.district = ($1).district%s', TG_TABLE_NAME, same) USING NEW;
    END IF;
    RETURN NEW;
END $$;
