-- Figures of the area tree by month. Facts: one line for each alert, person, device, worker and place that counts, which
-- is what the lists behind the figures show. Sums: one line for each node of the tree, which is what a page reads.

CREATE TABLE figure_mark (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one), -- a single row
    alert_event  bigint NOT NULL,                -- of the histories, all up to here are counted
    call_attempt bigint NOT NULL,
    counted_at   timestamptz NOT NULL,           -- of the last whole refresh
    took_ms      integer NOT NULL
);

CREATE TABLE figure_month (
    month      date PRIMARY KEY CHECK (extract(day FROM month) = 1), -- by Asia/Shanghai
    counted_at timestamptz NOT NULL,             -- its alerts
    people_at  timestamptz,                      -- its people, devices and staff; NULL: nobody counted them in time
    registry_at timestamptz,                     -- who was registered, within the month; NULL: not known any more
    alerts     integer NOT NULL
);

CREATE TABLE figure_rule (
    rule    text PRIMARY KEY,
    name_zh text NOT NULL,                       -- as its newest alert says
    name_en text NOT NULL
);

CREATE TABLE figure_alert (
    alert_id     uuid PRIMARY KEY REFERENCES alert ON DELETE CASCADE,
    month        date NOT NULL,
    raised_at    timestamptz NOT NULL,
    area_id      integer NOT NULL REFERENCES area ON DELETE CASCADE, -- the compound
    household_id integer NOT NULL REFERENCES household ON DELETE CASCADE,
    grade        text NOT NULL,                  -- ability grade of its resident; '': none, or of nobody
    rule         text NOT NULL,
    severity     text NOT NULL,
    model        text NOT NULL,                  -- of the device that it is about; '': of none, or of several
    ending       text NOT NULL CHECK (ending IN ('true', 'false', 'test', 'cleared', 'cancelled', 'open', 'unrecorded')),
    -- milestones as in dispatch/sla/clock.py: seconds from raised (NULL: not reached), verdict, target (NULL: none)
    acknowledged_s double precision, acknowledged_is text NOT NULL, acknowledged_target double precision,
    contacted_s    double precision, contacted_is    text NOT NULL, contacted_target    double precision,
    on_scene_s     double precision, on_scene_is     text NOT NULL, on_scene_target     double precision,
    resolved_s     double precision, resolved_is     text NOT NULL, resolved_target     double precision
);
CREATE INDEX figure_alert_month ON figure_alert (month, raised_at DESC, alert_id DESC);
CREATE INDEX figure_alert_home ON figure_alert (household_id, month);
CREATE INDEX figure_alert_open ON figure_alert (month) WHERE ending = 'open';

CREATE TABLE figure_person (
    month        date NOT NULL,
    resident_id  integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    household_id integer NOT NULL REFERENCES household ON DELETE CASCADE,
    area_id      integer NOT NULL REFERENCES area ON DELETE CASCADE,
    registered   boolean NOT NULL,               -- counted within the month, and not looked up afterwards
    grade        text NOT NULL,
    bed          boolean NOT NULL,               -- a home care bed
    watched      text NOT NULL CHECK (watched IN ('watched', 'unknown', 'blind')),
    -- seconds by function, in the order of care_network/protection/functions.py
    lost_s       double precision[] NOT NULL CHECK (cardinality(lost_s) = 7),    -- blind although it is equipped
    bare_s       double precision[] NOT NULL CHECK (cardinality(bare_s) = 7),    -- blind because nothing is there
    unknown_s    double precision[] NOT NULL CHECK (cardinality(unknown_s) = 7), -- nobody looked, or nobody can tell
    known_s      double precision[] NOT NULL CHECK (cardinality(known_s) = 7),   -- covered, or in part
    PRIMARY KEY (month, resident_id)
);

CREATE TABLE figure_device (
    month        date NOT NULL,
    device_id    integer NOT NULL REFERENCES device ON DELETE CASCADE,
    household_id integer NOT NULL REFERENCES household ON DELETE CASCADE,
    area_id      integer NOT NULL REFERENCES area ON DELETE CASCADE,
    model        text NOT NULL,
    silent_s     double precision NOT NULL,      -- devices that were silent alone
    PRIMARY KEY (month, device_id)
);

CREATE TABLE figure_worker (
    month       date NOT NULL,
    staff_id    integer NOT NULL REFERENCES staff ON DELETE CASCADE,
    area_id     integer NOT NULL REFERENCES area ON DELETE CASCADE, -- of the organisation
    orders      integer NOT NULL,                -- work orders done
    duty_s      double precision NOT NULL,       -- on the roster
    night_calls integer NOT NULL,                -- told of an alert between 22:00 and 07:00
    PRIMARY KEY (month, staff_id)
);

CREATE TABLE figure_place (
    month   date NOT NULL,
    area_id integer NOT NULL REFERENCES area ON DELETE CASCADE,
    kind    text NOT NULL CHECK (kind IN ('street', 'community')),
    served  boolean NOT NULL,                    -- by a street center, or a community station
    homes   integer NOT NULL,
    PRIMARY KEY (month, area_id)
);

-- Sums of every node of the tree.

CREATE TABLE figure_count (
    month   date NOT NULL,
    area_id integer NOT NULL REFERENCES area ON DELETE CASCADE,
    what    text NOT NULL CHECK (what IN ('severity', 'rule', 'model', 'grade')),
    key     text NOT NULL,
    ending  text NOT NULL,
    n       integer NOT NULL,
    PRIMARY KEY (area_id, month, what, key, ending)
);

CREATE TABLE figure_time (
    month       date NOT NULL,
    area_id     integer NOT NULL REFERENCES area ON DELETE CASCADE,
    severity    text NOT NULL,
    milestone   text NOT NULL,
    reached     integer NOT NULL,
    p50_s       double precision,
    p90_s       double precision,
    met         integer NOT NULL,
    late        integer NOT NULL,
    missed      integer NOT NULL,
    pending     integer NOT NULL,
    target_low  double precision,                -- seconds; both differ where the target was changed within the month
    target_high double precision,
    PRIMARY KEY (area_id, month, severity, milestone)
);

CREATE TABLE figure_people (
    month        date NOT NULL,
    area_id      integer NOT NULL REFERENCES area ON DELETE CASCADE,
    grade        text NOT NULL,
    residents    integer NOT NULL,
    watched      integer NOT NULL,
    unknown      integer NOT NULL,
    beds         integer NOT NULL,
    beds_watched integer NOT NULL,
    beds_unknown integer NOT NULL,
    PRIMARY KEY (area_id, month, grade)
);

CREATE TABLE figure_blind (
    month     date NOT NULL,
    area_id   integer NOT NULL REFERENCES area ON DELETE CASCADE,
    function  smallint NOT NULL CHECK (function BETWEEN 0 AND 6),
    homes     integer NOT NULL,
    lost      integer NOT NULL,                  -- homes that lost it for a time
    lost_s    double precision NOT NULL,         -- of a home: of the resident who lost it longest
    bare_s    double precision NOT NULL,
    unknown_s double precision NOT NULL,
    PRIMARY KEY (area_id, month, function)
);

CREATE TABLE figure_model (
    month      date NOT NULL,
    area_id    integer NOT NULL REFERENCES area ON DELETE CASCADE,
    model      text NOT NULL,
    devices    integer NOT NULL,
    silent     integer NOT NULL,                 -- devices that were silent for a time
    expected_s double precision NOT NULL,
    silent_s   double precision NOT NULL,
    unknown_s  double precision NOT NULL,        -- nobody looked, or the home was never heard
    PRIMARY KEY (area_id, month, model)
);
