-- Planned against done is a sum over a month of two million visits: it is kept by day, provider and community.
-- A change adds a row with the difference, in its own transaction: nobody waits for a common row, and the sum is right
-- at every moment. A round counts the days that changed anew, into one row each.

CREATE TABLE service_tally (
    day             date NOT NULL,               -- of the planned time, in Shanghai
    organisation_id integer NOT NULL,
    area_id         integer NOT NULL,            -- of the home as it is now; homes for tests are left out
    planned         integer NOT NULL,
    done            integer NOT NULL,
    missed          integer NOT NULL,
    refused         integer NOT NULL,
    cancelled       integer NOT NULL,
    waiting         integer NOT NULL,            -- planned or assigned
    at_home         integer NOT NULL,            -- checked in
    planned_minutes integer NOT NULL,            -- without what was cancelled
    done_minutes    integer NOT NULL,
    by_place        integer NOT NULL,
    by_code         integer NOT NULL,
    by_device       integer NOT NULL,
    by_station      integer NOT NULL,
    late            integer NOT NULL             -- begun more than 15 minutes after the planned time
);
CREATE INDEX service_tally_day ON service_tally (day, organisation_id, area_id);

-- The orders of a source, as what is counted of each; "times" is -1 for what they were before a change.
CREATE FUNCTION service_counted(times integer, area text, source text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format('SELECT %s AS n, %s AS area_id, (o.planned_start AT TIME ZONE ''Asia/Shanghai'')::date AS day,
        o.organisation_id, o.state, o.planned_minutes, o.done_minutes, o.checked_in_by,
        o.checked_in_at > o.planned_start + INTERVAL ''15 minutes'' AS late FROM %s', times, area, source)
$$;

-- The statement that adds their sums. A change of what is not counted (a settlement's) adds nothing.
CREATE FUNCTION service_tally_of(counted text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'INSERT INTO service_tally SELECT * FROM (
        SELECT day, organisation_id, area_id, sum(n) AS planned,
            coalesce(sum(n) FILTER (WHERE state IN (''checked_out'', ''confirmed'')), 0) AS done,
            coalesce(sum(n) FILTER (WHERE state = ''missed''), 0) AS missed,
            coalesce(sum(n) FILTER (WHERE state = ''refused_at_door''), 0) AS refused,
            coalesce(sum(n) FILTER (WHERE state = ''cancelled''), 0) AS cancelled,
            coalesce(sum(n) FILTER (WHERE state IN (''planned'', ''assigned'')), 0) AS waiting,
            coalesce(sum(n) FILTER (WHERE state = ''checked_in''), 0) AS at_home,
            coalesce(sum(n * planned_minutes) FILTER (WHERE state <> ''cancelled''), 0) AS planned_minutes,
            coalesce(sum(n * done_minutes), 0) AS done_minutes,
            coalesce(sum(n) FILTER (WHERE checked_in_by = ''place''), 0) AS by_place,
            coalesce(sum(n) FILTER (WHERE checked_in_by = ''code''), 0) AS by_code,
            coalesce(sum(n) FILTER (WHERE checked_in_by = ''device''), 0) AS by_device,
            coalesce(sum(n) FILTER (WHERE checked_in_by = ''station''), 0) AS by_station,
            coalesce(sum(n) FILTER (WHERE late), 0) AS late
        FROM (' || counted || ') o GROUP BY day, organisation_id, area_id) s
        WHERE (planned, done, missed, refused, cancelled, waiting, at_home, planned_minutes, done_minutes, by_place,
               by_code, by_device, by_station, late) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)'
$$;

CREATE FUNCTION service_order_counted() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    homes text := ' o JOIN resident r ON r.id = o.resident_id JOIN household h ON h.id = r.household_id'
                  ' WHERE NOT h.synthetic';
BEGIN
    EXECUTE service_tally_of(CASE TG_OP
        WHEN 'INSERT' THEN service_counted(1, 'h.area_id', 'fresh' || homes)
        WHEN 'DELETE' THEN service_counted(-1, 'h.area_id', 'gone' || homes)
        ELSE service_counted(1, 'h.area_id', 'fresh' || homes) || ' UNION ALL '
             || service_counted(-1, 'h.area_id', 'gone' || homes) END);
    RETURN NULL;
END $$;
CREATE TRIGGER service_order_added AFTER INSERT ON service_order REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION service_order_counted();
CREATE TRIGGER service_order_changed AFTER UPDATE ON service_order REFERENCING OLD TABLE AS gone NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION service_order_counted();
CREATE TRIGGER service_order_removed AFTER DELETE ON service_order REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION service_order_counted();

-- A home moves, or somebody to another home: their visits count there from now on.
CREATE FUNCTION service_home_moved() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before household; after household; whose text;
BEGIN
    IF TG_TABLE_NAME = 'household' THEN
        before := OLD;
        after := NEW;
        whose := format('service_order o JOIN resident r ON r.id = o.resident_id WHERE r.household_id = %s', NEW.id);
    ELSE
        SELECT * INTO before FROM household WHERE id = OLD.household_id;
        SELECT * INTO after FROM household WHERE id = NEW.household_id;
        whose := format('service_order o WHERE o.resident_id = %s', NEW.id);
    END IF;
    IF NOT before.synthetic THEN
        EXECUTE service_tally_of(service_counted(-1, before.area_id::text, whose));
    END IF;
    IF NOT after.synthetic THEN
        EXECUTE service_tally_of(service_counted(1, after.area_id::text, whose));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER household_services_moved AFTER UPDATE OF area_id, synthetic ON household FOR EACH ROW
    WHEN ((OLD.area_id, OLD.synthetic) IS DISTINCT FROM (NEW.area_id, NEW.synthetic))
    EXECUTE FUNCTION service_home_moved();
CREATE TRIGGER resident_services_moved AFTER UPDATE OF household_id ON resident FOR EACH ROW
    WHEN (OLD.household_id IS DISTINCT FROM NEW.household_id) EXECUTE FUNCTION service_home_moved();

-- Count days anew from the orders themselves. One statement and one snapshot: what others change meanwhile adds its
-- difference to what is counted here, so the sum is right before, during and after.
CREATE FUNCTION service_tally_anew(days date[]) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('shouwang service tally', 0));
    EXECUTE 'WITH asked AS MATERIALIZED (SELECT unnest($1) AS day), gone AS (DELETE FROM service_tally t USING asked a
             WHERE t.day = a.day) '
        || service_tally_of(service_counted(1, 'h.area_id', 'asked a JOIN service_order o
             ON o.planned_start >= (a.day::timestamp AT TIME ZONE ''Asia/Shanghai'')
             AND o.planned_start < ((a.day + 1)::timestamp AT TIME ZONE ''Asia/Shanghai'')
             JOIN resident r ON r.id = o.resident_id JOIN household h ON h.id = r.household_id WHERE NOT h.synthetic'))
        USING days;
END $$;
REVOKE ALL ON FUNCTION service_tally_anew(date[]) FROM PUBLIC;

DO $$ BEGIN
    EXECUTE service_tally_of(service_counted(1, 'h.area_id', 'service_order o JOIN resident r ON r.id = o.resident_id
        JOIN household h ON h.id = r.household_id WHERE NOT h.synthetic'));
END $$;

-- Of a plan: the visits of a month.
CREATE INDEX service_order_plan ON service_order (plan_id, planned_start) WHERE plan_id IS NOT NULL;
-- Of a provider: what was not done as planned.
CREATE INDEX service_order_amiss ON service_order (organisation_id, planned_start)
    WHERE state IN ('planned', 'assigned', 'checked_in', 'missed', 'refused_at_door');
-- Of a plan: what is still to come.
CREATE INDEX service_order_ahead ON service_order (plan_id, planned_start) WHERE state IN ('planned', 'assigned');
