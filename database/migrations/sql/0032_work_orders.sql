-- From an alert, or a planned service, to somebody at the door.

ALTER TABLE resident ADD COLUMN languages text[] NOT NULL DEFAULT '{cmn}'; -- spoken at home, ISO 639-3

CREATE TABLE work_order (
    id           uuid PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- as people call it
    alert_id     uuid REFERENCES alert,               -- NULL: a planned service
    round        integer NOT NULL DEFAULT 1,          -- the alert's first, second … order
    service      text NOT NULL,                       -- a code of care_network/catalogues/services.py
    urgency      text NOT NULL CHECK (urgency IN ('emergency', 'urgent', 'attention', 'technical', 'planned')),
    household_id integer NOT NULL REFERENCES household,
    resident_id  integer REFERENCES resident,
    due_at       timestamptz NOT NULL,                -- when somebody is wanted at the door
    reason_zh    text NOT NULL,
    reason_en    text NOT NULL,
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'offered', 'accepted', 'en_route', 'arrived',
                                                               'done', 'cancelled')),
    version      integer NOT NULL DEFAULT 1,          -- rises with each change: two people at once get a clear answer
    staff_id     integer REFERENCES staff,            -- who is asked, or has it
    asked        integer NOT NULL DEFAULT 0,          -- how many people were asked so far
    next_at      timestamptz,                         -- offered: silent until then; open: looked again then
    told_nobody  boolean NOT NULL DEFAULT false,      -- the dispatch was told that nobody fits
    created_at   timestamptz NOT NULL,
    created_by   integer REFERENCES account,          -- NULL: the system
    done_at      timestamptz,
    CHECK ((state IN ('offered', 'accepted', 'en_route', 'arrived', 'done')) <= (staff_id IS NOT NULL)),
    CHECK ((state IN ('open', 'offered')) = (next_at IS NOT NULL)),
    CHECK ((state = 'done') = (done_at IS NOT NULL)),
    CHECK ((urgency = 'planned') = (alert_id IS NULL))
);
-- Two taps on "dispatch" are one order.
CREATE UNIQUE INDEX work_order_once ON work_order (alert_id, service) WHERE state NOT IN ('done', 'cancelled');
CREATE INDEX work_order_next ON work_order (next_at) WHERE state IN ('open', 'offered');
CREATE INDEX work_order_in_hand ON work_order (staff_id) WHERE state IN ('offered', 'accepted', 'en_route', 'arrived');
CREATE INDEX work_order_visits ON work_order (resident_id, done_at) WHERE state = 'done';
CREATE INDEX work_order_due ON work_order (due_at DESC);
CREATE INDEX work_order_household ON work_order (household_id);

-- Append-only: who did what, when, from where. The order's row is derived from it.
CREATE TABLE work_order_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   uuid NOT NULL REFERENCES work_order,
    at         timestamptz NOT NULL,
    action     text NOT NULL,                         -- dispatch/orders/states.py
    from_state text,
    to_state   text NOT NULL,
    staff_id   integer REFERENCES staff,              -- whom it is about: asked, has it, gave it back
    account_id integer REFERENCES account,            -- who did it; NULL: the system, or by a link without a login
    actor      text NOT NULL,                         -- 'system' or the person's name at that time
    origin     text NOT NULL DEFAULT '',              -- address, link or program
    note       text NOT NULL DEFAULT '',
    detail     jsonb NOT NULL DEFAULT '{}'            -- score and reasons of an offer, why nobody fits
);
CREATE INDEX work_order_event_order ON work_order_event (order_id, id);
CREATE TRIGGER work_order_event_append_only BEFORE UPDATE OR DELETE ON work_order_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER work_order_event_no_truncate BEFORE TRUNCATE ON work_order_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Made anew from the pixels: JPEG without any metadata (no place, no camera, nothing hidden).
CREATE TABLE work_order_photo (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES work_order,
    staff_id integer REFERENCES staff,
    at       timestamptz NOT NULL,
    width    integer NOT NULL,
    height   integer NOT NULL,
    jpeg     bytea NOT NULL CHECK (octet_length(jpeg) <= 4194304)
);
CREATE INDEX work_order_photo_order ON work_order_photo (order_id);

CREATE TABLE work_order_rating (
    order_id   uuid NOT NULL REFERENCES work_order,
    rated_by   text NOT NULL CHECK (rated_by IN ('resident', 'family')),
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    words      text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account,            -- NULL: by a link
    PRIMARY KEY (order_id, rated_by)
);

-- A target of the service level that was missed while the alert was open; each once.
CREATE TABLE sla_breach (
    alert_id        uuid NOT NULL REFERENCES alert,
    milestone       text NOT NULL,                    -- dispatch/sla/clock.py: acknowledged, contacted, on_scene, resolved
    target_s        double precision NOT NULL,
    due_at          timestamptz NOT NULL,
    noticed_at      timestamptz NOT NULL,
    organisation_id integer REFERENCES organisation,  -- whose dispatch was told; NULL: none serves the place
    PRIMARY KEY (alert_id, milestone)
);
CREATE INDEX sla_breach_noticed ON sla_breach (noticed_at);
