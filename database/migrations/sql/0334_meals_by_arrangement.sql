-- Meals that are ordered by themselves, what could not be ordered, and one rule for the last month of a grant.
CREATE TABLE meal_arrangement (                          -- which meals somebody has on which days, as long as it runs
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident,
    bed_id      integer REFERENCES home_bed,             -- of whose contract it is; NULL: of none
    canteen_id  integer NOT NULL REFERENCES organisation,
    mode        text NOT NULL CHECK (mode IN ('delivery', 'dine_in')),
    lunch       smallint[] NOT NULL,                     -- days of the week, 1 is Monday
    dinner      smallint[] NOT NULL,
    first_day   date NOT NULL,
    last_day    date CHECK (last_day >= first_day),      -- NULL: until somebody ends it
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'ended')),
    note        text NOT NULL DEFAULT '',
    made_at     timestamptz NOT NULL,
    made_by     integer REFERENCES account ON DELETE SET NULL,
    version     integer NOT NULL DEFAULT 1,
    CHECK (cardinality(lunch) + cardinality(dinner) > 0)
);
CREATE UNIQUE INDEX meal_arrangement_one ON meal_arrangement (resident_id) WHERE state <> 'ended';
CREATE INDEX meal_arrangement_resident ON meal_arrangement (resident_id, id DESC);
CREATE INDEX meal_arrangement_bed ON meal_arrangement (bed_id) WHERE bed_id IS NOT NULL;
CREATE INDEX meal_arrangement_canteen ON meal_arrangement (canteen_id);
CREATE TABLE meal_arrangement_event (                    -- who decided what about it; only added to
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    arrangement_id integer NOT NULL REFERENCES meal_arrangement ON DELETE CASCADE,
    at             timestamptz NOT NULL,
    action         text NOT NULL,
    account_id     integer REFERENCES account ON DELETE SET NULL,
    actor          text NOT NULL,
    note           text NOT NULL DEFAULT '',
    detail         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX meal_arrangement_event_of ON meal_arrangement_event (arrangement_id, id);
CREATE TABLE meal_gap (                                  -- a meal of an arrangement that is not ordered, and why
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    arrangement_id integer NOT NULL REFERENCES meal_arrangement ON DELETE CASCADE,
    resident_id    integer NOT NULL REFERENCES resident,
    day            date NOT NULL,
    meal           text NOT NULL CHECK (meal IN ('lunch', 'dinner')),
    why            text NOT NULL,                        -- care_services/meals/arrangements/choosing.py
    zh             text NOT NULL,
    en             text NOT NULL,
    due            timestamptz NOT NULL,                 -- until when it can still be ordered
    found_at       timestamptz NOT NULL,
    closed_at      timestamptz,
    closed_as      text CHECK (closed_as IN ('ordered', 'not_wanted', 'otherwise', 'off', 'past')),
    closed_by      text NOT NULL DEFAULT '',
    note           text NOT NULL DEFAULT '',
    UNIQUE (arrangement_id, day, meal),
    CHECK ((closed_at IS NULL) = (closed_as IS NULL))
);
CREATE INDEX meal_gap_open ON meal_gap (due, id) WHERE closed_at IS NULL;
CREATE INDEX meal_gap_resident ON meal_gap (resident_id, day);
ALTER TABLE meal_order ADD COLUMN arrangement_id integer REFERENCES meal_arrangement; -- NULL: somebody ordered it
CREATE INDEX meal_order_arrangement ON meal_order (arrangement_id) WHERE arrangement_id IS NOT NULL;

ALTER TABLE grant_pause ADD COLUMN because text CHECK (because IN ('died', 'moved', 'other')); -- of a closing by a leaving
ALTER TABLE grant_pause ADD COLUMN cut_at timestamptz;   -- when a later pause took its place; its own end otherwise

-- Who is gone has no meals any more.
INSERT INTO leaving_rule (code, place, reasons, term, relation, condition, act, sets, history, back_if, back) VALUES
('arrangement', 35, DEFAULT, NULL, 'meal_arrangement', $$x.resident_id = $1 AND x.state <> 'ended'$$, 'set',
 $$state = 'ended', version = version + 1$$,
 $$WITH off AS (
       UPDATE meal_gap SET closed_at = $2, closed_as = 'off', closed_by = $4
       WHERE arrangement_id = ($1 ->> 'id')::integer AND closed_at IS NULL)
   INSERT INTO meal_arrangement_event (arrangement_id, at, action, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'end', $3, $4, $5)$$, 'true',
 $$INSERT INTO meal_arrangement_event (arrangement_id, at, action, account_id, actor, note)
   VALUES (($1 ->> 'id')::integer, $2, 'go_on', $3, $4, $5)$$);

-- Grants of who is gone stop by the same function as those of a bed that is closed (care_services/grants/pausing.py);
-- the rule that did it here stays for the way back: the pause ends, or is that of the suspension again.
UPDATE leaving_rule SET condition = 'false', back = $$
    WITH ended AS (
        SELECT p.id, s.bed_id, s.id IS NOT NULL AS suspended
        FROM grant_pause p LEFT JOIN grant_pause s ON s.application_id = p.application_id AND s.why = 'suspended'
             AND s.cut_at = p.at AND s.until_on = p.from_on
        WHERE p.application_id = ($1 ->> 'id')::integer AND p.because IS NOT NULL AND p.until_on IS NULL
    ), again AS (
        UPDATE grant_pause p SET until_on = CASE WHEN e.suspended THEN NULL ELSE p.from_on END, because = NULL,
               why = CASE WHEN e.suspended THEN 'suspended' ELSE p.why END, bed_id = coalesce(e.bed_id, p.bed_id)
        FROM ended e WHERE e.id = p.id
    )
    INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, reason, detail)
    VALUES (($1 ->> 'id')::integer, $2, 'resume', 'approved', $3, $4, $5, '{"by": "leaving"}')$$
WHERE code = 'grants';

INSERT INTO erasure_rule (relation, act, years, sets, law_zh, law_en, confirm)
SELECT * FROM (VALUES
    ('meal_arrangement', 'anonymise', 3, 'note = ''''', '民法典第一百八十八条，诉讼时效三年；文字删除',
     'Civil Code article 188, limitation of three years; words go', true),
    ('meal_arrangement_event', 'anonymise', 3, 'note = ''''', '民法典第一百八十八条，诉讼时效三年；文字删除',
     'Civil Code article 188, limitation of three years; words go', true),
    ('meal_gap', 'erase', NULL, NULL, '个人信息保护法第四十七条', 'PIPL article 47', false)
) listed (relation, act, years, sets, law_zh, law_en, confirm)
ON CONFLICT (relation) DO NOTHING;
