-- Numbers of the detectors that people set, and times in which alerts rest.

ALTER TABLE resident ADD COLUMN ability_grade text -- GB/T 42195-2022; NULL: not assessed
    CHECK (ability_grade IN ('intact', 'mild', 'moderate', 'severe', 'lost'));

-- Append-only: who set which parameter of whom, when and why. The newest line of each is what holds.
CREATE TABLE parameter_change (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    scope        text NOT NULL CHECK (scope IN ('district', 'grade', 'home', 'resident')),
    grade        text CHECK (grade IN ('intact', 'mild', 'moderate', 'severe', 'lost')),
    household_id integer REFERENCES household ON DELETE CASCADE,
    resident_id  integer REFERENCES resident ON DELETE CASCADE,
    name         text NOT NULL,                       -- alerting/tuning/catalogue.py
    old_value    double precision,                    -- NULL: was not set there
    new_value    double precision,                    -- NULL: no longer set there
    account_id   integer REFERENCES account,          -- NULL: a district file, or a migration
    actor        text NOT NULL,                       -- the person's name at that time
    origin       text NOT NULL DEFAULT '',            -- address or program
    reason       text NOT NULL CHECK (reason <> ''),
    CHECK ((scope = 'grade') = (grade IS NOT NULL)),
    CHECK ((scope = 'home') = (household_id IS NOT NULL)),
    CHECK ((scope = 'resident') = (resident_id IS NOT NULL)),
    CHECK (old_value IS DISTINCT FROM new_value)
);
CREATE INDEX parameter_change_resident ON parameter_change (resident_id, name, id DESC);
CREATE INDEX parameter_change_household ON parameter_change (household_id, name, id DESC);

CREATE TRIGGER parameter_change_append_only BEFORE UPDATE ON parameter_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- Lines go with the person whom a removal erases, and in no other way.
CREATE TRIGGER parameter_change_no_delete BEFORE DELETE ON parameter_change
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER parameter_change_no_truncate BEFORE TRUNCATE ON parameter_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO parameter_change (at, scope, resident_id, name, new_value, actor, reason)
SELECT l.set_at, 'resident', l.resident_id, 'limit.' || l.channel || '.' || side.name, side.value, l.set_by,
       '迁移前已设置 set before changes were recorded'
FROM resident_limit l, LATERAL (VALUES ('low', l.low), ('high', l.high)) AS side (name, value)
WHERE side.value IS NOT NULL;
DROP TABLE resident_limit;

-- A carer is there, or a device is worked on: some alerts of that home wait until it is over.
CREATE TABLE pause (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('carer', 'maintenance')),
    household_id integer NOT NULL REFERENCES household ON DELETE CASCADE,
    device_id    integer REFERENCES device ON DELETE CASCADE, -- NULL: the whole home
    since        timestamptz NOT NULL,
    until        timestamptz NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    account_id   integer REFERENCES account,
    actor        text NOT NULL,                       -- the person's name at that time
    ended_at     timestamptz,                         -- before its time
    ended_by     text,
    CHECK (since < until AND until <= since + interval '3 days'), -- nobody forgets it for ever
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK (kind = 'maintenance' OR device_id IS NULL)
);
CREATE INDEX pause_until ON pause (until);
CREATE INDEX pause_household ON pause (household_id, since DESC);
-- Who is at the door tells that a carer is there.
CREATE INDEX alert_event_arrive ON alert_event (at) WHERE action = 'arrive';
CREATE INDEX work_order_event_arrive ON work_order_event (at) WHERE action = 'arrive';
