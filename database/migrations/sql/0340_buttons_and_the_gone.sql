-- A button in a home asks for a service, of a kind that nobody knows yet; and nothing new is made for who is gone.

ALTER TABLE service_request ALTER COLUMN service DROP NOT NULL; -- NULL: a button was pressed, and nobody has called back
ALTER TABLE service_request DROP CONSTRAINT service_request_asked_by_check;
ALTER TABLE service_request ADD CONSTRAINT service_request_asked_by_check
    CHECK (asked_by IN ('family', 'panel', 'telephone', 'station', 'button'));
ALTER TABLE service_request ADD CONSTRAINT service_request_kind
    CHECK (service IS NOT NULL OR asked_by = 'button' AND state IN ('station', 'withdrawn', 'refused'));

CREATE TABLE button_press (                      -- a press of a service button, and the request that it belongs to
    event_id     bigint PRIMARY KEY,             -- of event, whose rows are retired earlier
    device_id    integer NOT NULL REFERENCES device ON DELETE CASCADE,
    household_id integer NOT NULL REFERENCES household ON DELETE CASCADE,
    pressed_at   timestamptz NOT NULL,
    heard_at     timestamptz NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('asked', 'again', 'nobody', 'old')),
    request_id   integer REFERENCES service_request ON DELETE CASCADE,
    seen_at      timestamptz,                    -- of a press without a request: somebody has looked into it
    seen_by      text NOT NULL DEFAULT '',
    CHECK ((request_id IS NULL) = (outcome IN ('nobody', 'old')))
);
CREATE INDEX button_press_request ON button_press (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX button_press_home ON button_press (household_id, pressed_at DESC);
CREATE INDEX button_press_device ON button_press (device_id);
CREATE INDEX button_press_open ON button_press (event_id) WHERE request_id IS NULL AND seen_at IS NULL;
ALTER TABLE care_round ADD COLUMN mark bigint NOT NULL DEFAULT 0; -- of a job that reads a table: up to this id
INSERT INTO care_round (name, next_at, mark)
SELECT 'button_presses', '2000-01-01Z', coalesce(max(id), 0) FROM event ON CONFLICT DO NOTHING;
INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm)
VALUES ('button_press', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false)
ON CONFLICT (relation) DO NOTHING;

-- The last line behind care_services.core.facts (check_here): what is new, and of a time at which the person was gone, is refused.
-- The condition stands for the new rows as x, for the person as r.
CREATE FUNCTION refuse_for_the_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    who record;
BEGIN
    EXECUTE format('SELECT r.code, r.gone, r.gone_on FROM made x JOIN resident r ON r.id = x.resident_id'
                   ' WHERE r.gone IS NOT NULL AND (%s) LIMIT 1', TG_ARGV[0]) INTO who;
    IF who.code IS NOT NULL THEN
        RAISE EXCEPTION 'resident % is gone (%, on %): nothing new is made in %', who.code, who.gone, who.gone_on, TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'resident_is_here', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION refuse_again_for_the_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    who record;
BEGIN
    SELECT r.code, r.gone, r.gone_on INTO who FROM resident r WHERE r.id = NEW.resident_id AND r.gone IS NOT NULL;
    IF who.code IS NOT NULL THEN
        RAISE EXCEPTION 'resident % is gone (%, on %): nothing is opened again in %', who.code, who.gone, who.gone_on, TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'resident_is_here', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION refuse_for_the_gone(), refuse_again_for_the_gone() FROM PUBLIC;

CREATE TRIGGER service_order_of_the_living AFTER INSERT ON service_order REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone(
        $$x.state IN ('planned', 'assigned') AND x.planned_start >= r.gone_on::timestamp AT TIME ZONE 'Asia/Shanghai'$$);
CREATE TRIGGER service_order_again_of_the_living AFTER UPDATE OF state ON service_order FOR EACH ROW
    WHEN (OLD.state IN ('cancelled', 'missed', 'refused_at_door') AND NEW.state IN ('planned', 'assigned'))
    EXECUTE FUNCTION refuse_again_for_the_gone();
CREATE TRIGGER service_plan_of_the_living AFTER INSERT ON service_plan REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone(
        $$x.state <> 'ended' AND (x.last_day IS NULL OR x.last_day >= r.gone_on)$$);
CREATE TRIGGER service_plan_again_of_the_living AFTER UPDATE OF state ON service_plan FOR EACH ROW
    WHEN (OLD.state <> 'active' AND NEW.state = 'active') EXECUTE FUNCTION refuse_again_for_the_gone();
CREATE TRIGGER service_request_of_the_living AFTER INSERT ON service_request REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone($$x.state IN ('asked', 'station')$$);
CREATE TRIGGER meal_order_of_the_living AFTER INSERT ON meal_order REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone($$x.state = 'ordered' AND x.day >= r.gone_on$$);
CREATE TRIGGER time_request_of_the_living AFTER INSERT ON time_request REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone(
        $$x.state IN ('open', 'offered', 'accepted')
          AND x.wanted_from >= r.gone_on::timestamp AT TIME ZONE 'Asia/Shanghai'$$);
CREATE TRIGGER time_round_member_of_the_living AFTER INSERT ON time_round_member REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone('true');
CREATE TRIGGER home_bed_of_the_living AFTER INSERT ON home_bed REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone($$x.state NOT IN ('closed', 'refused', 'withdrawn')$$);
CREATE TRIGGER equipment_loan_of_the_living AFTER INSERT ON equipment_loan REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_for_the_gone('true');
