-- Notices to many, and devices of a model counted, in the time of an index.

CREATE OR REPLACE FUNCTION care_notice_fill() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    worker text;
    -- a number as a number: as a text no index finds it, and each row of many read all staff and all accounts
    asked integer := CASE WHEN NEW.to_kind = 'account' AND NEW.to_key ~ '^[1-9][0-9]{0,8}$' THEN NEW.to_key::integer END;
BEGIN
    IF NEW.to_kind = 'account' THEN
        SELECT s.code INTO worker FROM staff s WHERE s.active AND s.account_id = asked;
    ELSIF NEW.to_kind = 'volunteer' THEN
        SELECT s.code INTO worker FROM time_volunteer v JOIN staff s ON s.id = v.staff_id AND s.active
        WHERE v.code = NEW.to_key AND v.state <> 'ended';
    END IF;
    IF worker IS NOT NULL THEN
        NEW.to_kind := 'staff';
        NEW.to_key := worker;
    END IF;
    IF NEW.to_kind = 'account' THEN
        SELECT a.name_zh, a.name_en, a.id, coalesce(a.area_path, (
                   SELECT p.path FROM family_member f JOIN resident r ON r.id = f.resident_id
                   JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area p ON p.id = h.area_id
                   WHERE f.account_id = a.id ORDER BY f.resident_id LIMIT 1))
        INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM account a WHERE a.id = asked AND a.active;
    ELSIF NEW.to_kind = 'staff' THEN
        SELECT s.name_zh, s.name_en, s.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area p ON p.id = o.area_id
        WHERE s.code = NEW.to_key AND s.active;
    ELSIF NEW.to_kind = 'contact' THEN
        SELECT c.name_zh, c.name_en, c.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM contact c JOIN resident r ON r.id = c.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area p ON p.id = h.area_id
        WHERE r.code = split_part(NEW.to_key, '/', 1) AND r.code || '/' || c.phone = NEW.to_key;
    ELSIF NEW.to_kind = 'organisation' THEN
        SELECT o.name_zh, o.name_en, NULL, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM organisation o JOIN area p ON p.id = o.area_id WHERE o.code = NEW.to_key AND o.active;
    ELSE
        SELECT v.name_zh, v.name_en, s.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM time_volunteer v JOIN area p ON p.id = v.area_id LEFT JOIN staff s ON s.id = v.staff_id AND s.active
        WHERE v.code = NEW.to_key AND v.state <> 'ended';
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

-- Devices in use in an area, whose policy asks for the gateway's home, and that for its area, row by row: for counts.
-- Nobody's name or place; what a console's account asks for beyond its area is empty.
CREATE FUNCTION devices_in_use(asked ltree, of_model text) RETURNS TABLE (device_id integer, household_id integer, model text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10000 SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = current_user OR viewer_is_staff() AND asked <@ viewer_area() THEN
        RETURN QUERY
            SELECT d.id, g.household_id, d.model
            FROM area a JOIN household h ON h.area_id = a.id AND NOT h.synthetic
            JOIN gateway g ON g.household_id = h.id JOIN device d ON d.gateway_id = g.id
            WHERE a.path <@ asked AND d.retired_at IS NULL AND (of_model IS NULL OR d.model = of_model);
    END IF;
END $$;
REVOKE ALL ON FUNCTION devices_in_use(ltree, text) FROM PUBLIC;

-- The same, counted by model and home.
CREATE FUNCTION devices_counted(asked ltree, low_at integer)
    RETURNS TABLE (model text, n bigint, low bigint, known bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF session_user = current_user OR viewer_is_staff() AND asked <@ viewer_area() THEN
        RETURN QUERY
            SELECT d.model, count(*), count(*) FILTER (WHERE w.battery <= low_at), count(w.battery)
            FROM area a JOIN household h ON h.area_id = a.id AND NOT h.synthetic
            JOIN gateway g ON g.household_id = h.id JOIN device d ON d.gateway_id = g.id
            LEFT JOIN device_now w ON w.device_id = d.id
            WHERE a.path <@ asked AND d.retired_at IS NULL GROUP BY d.model, g.household_id;
    END IF;
END $$;
REVOKE ALL ON FUNCTION devices_counted(ltree, integer) FROM PUBLIC;

CREATE INDEX figure_device_model ON figure_device (model, month);
