-- The grade of ability by which a resident's alerts climb: every change a row, the newest of a resident counts.
CREATE TABLE ladder_grade (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id       integer NOT NULL REFERENCES resident,
    at                timestamptz NOT NULL,
    act               text NOT NULL CHECK (act IN ('approved', 'renewed', 'superseded', 'withdrawn')),
    grade             text CHECK (grade IN ('intact', 'mild', 'moderate', 'severe', 'lost')),
    valid_until       date,                          -- the last day on which the assessment behind it is valid
    assessment_number bigint,                        -- of care and services; no reference: this is the older floor
    account_id        integer REFERENCES account ON DELETE SET NULL,
    actor_zh          text NOT NULL,                 -- names as they were then
    actor_en          text NOT NULL,
    why               text NOT NULL DEFAULT '',
    CHECK ((act = 'withdrawn') = (grade IS NULL)),
    CHECK ((grade IS NULL) = (valid_until IS NULL))
);
CREATE INDEX ladder_grade_resident ON ladder_grade (resident_id, id DESC);

-- Why an alert climbs the ladder that it climbs, as it was when it was chosen; NULL: chosen before there was a choice.
ALTER TABLE alert ADD COLUMN ladder_choice jsonb;
