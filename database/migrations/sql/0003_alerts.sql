-- Alerts and what people did about them.
CREATE TABLE alert (
    id           uuid PRIMARY KEY,                    -- UUIDv5 of subject, rule and onset: the same input, the same id
    rule         text NOT NULL,
    rule_version integer NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('emergency', 'urgent', 'attention', 'technical')),
    subject      text NOT NULL,                       -- 'resident:R0001', 'gateway:gw-0001', 'device:gw-0001/pendant'
    household_id integer NOT NULL REFERENCES household,
    resident_id  integer REFERENCES resident,
    state        text NOT NULL DEFAULT 'raised'
                 CHECK (state IN ('raised', 'acknowledged', 'responding', 'on_scene', 'resolved', 'cancelled', 'cleared')),
    version      integer NOT NULL DEFAULT 1,          -- rises with each change: two people at once get a clear answer
    onset        timestamptz NOT NULL,                -- when it began, by the sensor's clock
    sensed_at    timestamptz NOT NULL,                -- the reading or event that decided
    received_at  timestamptz NOT NULL,                -- at the alerting process
    raised_at    timestamptz NOT NULL,                -- decided and handed on
    stored_at    timestamptz NOT NULL DEFAULT now(),
    reason_zh    text NOT NULL,
    reason_en    text NOT NULL,
    evidence     jsonb NOT NULL,                      -- inputs, thresholds, parts of the score, window of readings
    outcome      text                                 -- once resolved
);
CREATE INDEX alert_open ON alert (severity, onset) WHERE state NOT IN ('resolved', 'cancelled', 'cleared');
CREATE INDEX alert_household_onset ON alert (household_id, onset DESC);
CREATE INDEX alert_resident_onset ON alert (resident_id, onset DESC);

-- Append-only: who did what, when, from where. The alert's row is derived from it.
CREATE TABLE alert_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id   uuid NOT NULL REFERENCES alert,
    at         timestamptz NOT NULL,
    action     text NOT NULL,                         -- 'raise', 'acknowledge', 'respond', 'arrive', 'resolve', 'cancel', 'clear', 'escalate', 'note'
    from_state text,
    to_state   text NOT NULL,
    account_id integer REFERENCES account,            -- NULL: the system or the resident
    actor      text NOT NULL,                         -- 'system', 'resident' or the person's name at that time
    origin     text NOT NULL DEFAULT '',              -- address or program
    outcome    text,
    note       text NOT NULL DEFAULT ''
);
CREATE INDEX alert_event_alert ON alert_event (alert_id, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER alert_event_append_only BEFORE UPDATE OR DELETE ON alert_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alert_event_no_truncate BEFORE TRUNCATE ON alert_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Consoles LISTEN to 'alert_changed'; the payload is the alert's id.
CREATE FUNCTION notify_alert_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('alert_changed', NEW.alert_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER alert_event_notify AFTER INSERT ON alert_event
    FOR EACH ROW EXECUTE FUNCTION notify_alert_changed();
