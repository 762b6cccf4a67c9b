-- The history of records: what each change took away and brought, who made it and from where. Nobody writes it but the
-- triggers below, nobody changes it, and it goes after the time that drop_old_record_changes() names.
CREATE TABLE record_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(), -- what was done together is taken back together
    record      text NOT NULL,      -- the table
    row_id      integer NOT NULL,
    key         text NOT NULL,      -- as commands name the record: 'R0001', 'gw-1/pendant'
    path        ltree,              -- the area whose staff may see it, as it was before the change; NULL: not known
    operation   text NOT NULL CHECK (operation IN ('add', 'change', 'remove')),
    account_id  integer,            -- NULL: the owner of the database, or a service by itself
    origin      text NOT NULL DEFAULT '',
    -- Columns by name: of a change those that differ, of a removal all. An added record has neither: what it was at
    -- first is what it is now, less what was changed since. So nothing about a person stands here twice.
    before      jsonb,
    after       jsonb,
    version     integer NOT NULL    -- after the change
);
CREATE INDEX record_change_row ON record_change (record, row_id, id);
CREATE INDEX record_change_key ON record_change (record, key, id);
CREATE INDEX record_change_at ON record_change (record, at);
CREATE INDEX record_change_transaction ON record_change (transaction);
CREATE TRIGGER record_change_no_update BEFORE UPDATE ON record_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER record_change_no_truncate BEFORE TRUNCATE ON record_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- From when on the history is whole; before it nothing is known.
CREATE TABLE record_history (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since timestamptz NOT NULL
);
INSERT INTO record_history (since) VALUES (clock_timestamp());

CREATE FUNCTION refuse_young_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at < (SELECT since FROM record_history) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'record_change is append-only';
END $$;
CREATE TRIGGER record_change_no_delete BEFORE DELETE ON record_change
    FOR EACH ROW EXECUTE FUNCTION refuse_young_record_change();

-- Five years, as files of residents are kept after care has ended (养老机构管理办法, 2020, article 27).
CREATE FUNCTION drop_old_record_changes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE record_history SET since = now() - INTERVAL '5 years' WHERE since < now() - INTERVAL '5 years';
    DELETE FROM record_change WHERE id = ANY (ARRAY(
        SELECT id FROM record_change WHERE at < (SELECT since FROM record_history) ORDER BY id LIMIT 5000));
END $$;

-- How a record is named, and the area that it belongs to, by its columns.
CREATE FUNCTION record_name(record text, cols jsonb, OUT key text, OUT path ltree) LANGUAGE plpgsql STABLE AS $$
DECLARE
    home  integer;
    place integer;
BEGIN
    CASE record
    WHEN 'area' THEN
        key := cols ->> 'path';
        path := key::ltree;
    WHEN 'organisation' THEN
        key := cols ->> 'code';
        place := cols ->> 'area_id';
    WHEN 'household' THEN
        key := cols ->> 'code';
        place := cols ->> 'area_id';
    WHEN 'resident' THEN
        key := cols ->> 'code';
        home := cols ->> 'household_id';
    WHEN 'gateway' THEN
        key := cols ->> 'name';
        home := cols ->> 'household_id';
    WHEN 'device' THEN
        SELECT g.name || '/' || (cols ->> 'name'), g.household_id INTO key, home
        FROM gateway g WHERE g.id = (cols ->> 'gateway_id')::integer;
    WHEN 'contact' THEN
        SELECT r.code || '/' || (cols ->> 'phone'), r.household_id INTO key, home
        FROM resident r WHERE r.id = (cols ->> 'resident_id')::integer;
    WHEN 'staff' THEN
        key := cols ->> 'code';
        SELECT o.area_id INTO place FROM organisation o WHERE o.id = (cols ->> 'organisation_id')::integer;
    WHEN 'staff_certificate' THEN
        SELECT s.code || '/' || (cols ->> 'kind'), o.area_id INTO key, place
        FROM staff s JOIN organisation o ON o.id = s.organisation_id WHERE s.id = (cols ->> 'staff_id')::integer;
    WHEN 'shift' THEN
        SELECT o.code || '/' || (cols ->> 'code'), o.area_id INTO key, place
        FROM organisation o WHERE o.id = (cols ->> 'organisation_id')::integer;
    WHEN 'roster' THEN
        SELECT s.code || '/' || o.code || '/' || t.code || '/' || (cols ->> 'valid_from'), o.area_id INTO key, place
        FROM staff s, shift t JOIN organisation o ON o.id = t.organisation_id
        WHERE s.id = (cols ->> 'staff_id')::integer AND t.id = (cols ->> 'shift_id')::integer;
    WHEN 'roster_exception' THEN
        SELECT s.code || '/' || (cols ->> 'kind') || '/' || (cols ->> 'starts_at'), o.area_id INTO key, place
        FROM staff s JOIN organisation o
            ON o.id = coalesce((cols ->> 'organisation_id')::integer, s.organisation_id)
        WHERE s.id = (cols ->> 'staff_id')::integer;
    END CASE;
    IF home IS NOT NULL THEN
        SELECT h.area_id INTO place FROM household h WHERE h.id = home;
    END IF;
    IF place IS NOT NULL THEN
        SELECT a.path INTO path FROM area a WHERE a.id = place;
    END IF;
END $$;

-- Arguments: columns that are no part of the record (what a gateway last said, a place that is shared by consent).
CREATE FUNCTION note_record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET search_path = public, pg_temp AS $$
DECLARE
    left_out text[] := coalesce(TG_ARGV::text[], '{}');
    gone     jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - left_out END;
    come     jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - left_out END;
    done     text := CASE TG_OP WHEN 'INSERT' THEN 'add' WHEN 'UPDATE' THEN 'change' ELSE 'remove' END;
    named    record;
    lost     jsonb;
    won      jsonb;
BEGIN
    IF done = 'change' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, come -> o.key) INTO lost, won
        FROM jsonb_each(gone) o WHERE o.value IS DISTINCT FROM come -> o.key;
        IF lost IS NULL THEN
            RETURN NULL;
        END IF;
    ELSIF done = 'remove' THEN
        lost := gone;
    END IF;
    SELECT * INTO named FROM record_name(TG_TABLE_NAME, coalesce(gone, come));
    INSERT INTO record_change (record, row_id, key, path, operation, account_id, origin, before, after, version)
    VALUES (TG_TABLE_NAME, (coalesce(come, gone) ->> 'id')::integer,
            coalesce(named.key, '#' || (coalesce(come, gone) ->> 'id')), named.path, done,
            nullif(current_setting('shouwang.account', true), '')::integer,
            coalesce(current_setting('shouwang.origin', true), ''), lost, won,
            coalesce((coalesce(come, gone) ->> 'version')::integer, 0));
    RETURN NULL;
END $$;

CREATE TRIGGER area_history AFTER INSERT OR UPDATE OR DELETE ON area
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER organisation_history AFTER INSERT OR UPDATE OR DELETE ON organisation
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER household_history AFTER INSERT OR UPDATE OR DELETE ON household
    FOR EACH ROW EXECUTE FUNCTION note_record_change('synthetic');
CREATE TRIGGER resident_history AFTER INSERT OR UPDATE OR DELETE ON resident
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
-- Not at each message that a gateway sends: those set none of these columns.
CREATE TRIGGER gateway_history AFTER INSERT OR DELETE OR UPDATE OF name, household_id, version ON gateway
    FOR EACH ROW EXECUTE FUNCTION note_record_change('state', 'state_at', 'status', 'registered_at');
CREATE TRIGGER device_history AFTER INSERT OR UPDATE OR DELETE ON device
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER contact_history AFTER INSERT OR UPDATE OR DELETE ON contact
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER staff_history AFTER INSERT OR UPDATE OR DELETE ON staff
    FOR EACH ROW EXECUTE FUNCTION note_record_change('location_consent_at');
CREATE TRIGGER staff_certificate_history AFTER INSERT OR UPDATE OR DELETE ON staff_certificate
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER shift_history AFTER INSERT OR UPDATE OR DELETE ON shift
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER roster_history AFTER INSERT OR UPDATE OR DELETE ON roster
    FOR EACH ROW EXECUTE FUNCTION note_record_change();
CREATE TRIGGER roster_exception_history AFTER INSERT OR UPDATE OR DELETE ON roster_exception
    FOR EACH ROW EXECUTE FUNCTION note_record_change();

-- What goes with a person goes first: while the person is there, the history can say whose it was.
CREATE FUNCTION remove_with_person() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'resident' THEN
        DELETE FROM contact WHERE resident_id = OLD.id;
    ELSE
        DELETE FROM roster_exception WHERE staff_id = OLD.id;
        DELETE FROM roster WHERE staff_id = OLD.id;
        DELETE FROM staff_certificate WHERE staff_id = OLD.id;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER resident_takes_along BEFORE DELETE ON resident FOR EACH ROW EXECUTE FUNCTION remove_with_person();
CREATE TRIGGER staff_takes_along BEFORE DELETE ON staff FOR EACH ROW EXECUTE FUNCTION remove_with_person();
