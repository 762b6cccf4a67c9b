-- Meals for elderly people (长者助餐): canteens, menus, diets, orders, delivery rounds, and doors that nobody opened.
CREATE TABLE meal_canteen (                              -- how an organisation of the kind canteen works; without a row: the defaults
    organisation_id integer PRIMARY KEY REFERENCES organisation ON DELETE CASCADE,
    deadline_days   smallint NOT NULL CHECK (deadline_days BETWEEN 0 AND 14),
    deadline_hour   time NOT NULL,                       -- in Shanghai
    delivers        boolean NOT NULL,
    version         integer NOT NULL DEFAULT 1
);
CREATE TABLE meal_offer (                                -- a set of dishes of one meal of one day
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    canteen_id  integer NOT NULL REFERENCES organisation,
    day         date NOT NULL,
    meal        text NOT NULL CHECK (meal IN ('lunch', 'dinner')),
    code        text NOT NULL,                           -- A, B, C
    dishes      jsonb NOT NULL,                          -- care_services/meals/checking.py: Dish
    price_fen   integer NOT NULL CHECK (price_fen >= 0),
    most        integer CHECK (most > 0),                -- portions; NULL: as many as are ordered
    withdrawn_at timestamptz,
    version     integer NOT NULL DEFAULT 1,
    UNIQUE (canteen_id, day, meal, code)
);
CREATE TABLE meal_diet (                                 -- what somebody said of a resident's food; the newest version counts
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    version     integer NOT NULL,
    allergies   text[],                                  -- NULL: nobody has asked
    other_allergies text NOT NULL DEFAULT '',
    diets       text[],                                  -- NULL: nobody has asked
    texture     text CHECK (texture IN ('regular', 'soft', 'minced', 'pureed')),
    said_by     text NOT NULL CHECK (said_by IN ('resident', 'family', 'doctor', 'carer')),
    said_by_name text NOT NULL DEFAULT '',
    said_on     date NOT NULL,
    recorded_at timestamptz NOT NULL,
    account_id  integer REFERENCES account ON DELETE SET NULL,
    PRIMARY KEY (resident_id, version)
);
CREATE TABLE meal_order (                                -- a million rows in three years
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident,
    canteen_id  integer NOT NULL REFERENCES organisation,
    offer_id    integer NOT NULL REFERENCES meal_offer,
    day         date NOT NULL,
    meal        text NOT NULL,
    mode        text NOT NULL CHECK (mode IN ('delivery', 'dine_in')),
    state       text NOT NULL CHECK (state IN ('ordered', 'cancelled', 'delivered', 'eaten', 'refused', 'absent', 'failed')),
    price_fen   integer NOT NULL,
    subsidy_fen integer NOT NULL CHECK (subsidy_fen BETWEEN 0 AND price_fen),
    rule        text,                                    -- of the subsidy
    missing     text[] NOT NULL DEFAULT '{}',            -- facts that nobody knew and that could have changed it
    overridden  text NOT NULL DEFAULT '',                -- why it was ordered although something spoke against it
    ordered_at  timestamptz NOT NULL,
    account_id  integer REFERENCES account ON DELETE SET NULL,
    ended_at    timestamptz,
    handed_to   text CHECK (handed_to IN ('resident', 'family', 'neighbour', 'carer')),
    version     integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX meal_order_once ON meal_order (resident_id, day, meal) WHERE state <> 'cancelled';
CREATE INDEX meal_order_canteen ON meal_order (canteen_id, day, meal, id);
CREATE INDEX meal_order_offer ON meal_order (offer_id) WHERE state <> 'cancelled';
CREATE INDEX meal_order_resident ON meal_order (resident_id, day DESC, id DESC);
CREATE TABLE meal_order_event (                          -- what became of an order after it was made; never changed
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   bigint NOT NULL REFERENCES meal_order ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    state      text NOT NULL,
    note       text NOT NULL DEFAULT ''
);
CREATE INDEX meal_order_event_order ON meal_order_event (order_id, id);
CREATE TABLE meal_round (                                -- one person's way with the meals of a canteen
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    canteen_id integer NOT NULL REFERENCES organisation,
    day        date NOT NULL,
    meal       text NOT NULL CHECK (meal IN ('lunch', 'dinner')),
    staff_id   integer REFERENCES staff ON DELETE SET NULL,
    metres     integer NOT NULL,                         -- as the crow flies, times the detour of streets
    made_at    timestamptz NOT NULL,
    made_by    integer REFERENCES account ON DELETE SET NULL,
    started_at timestamptz,
    ended_at   timestamptz,
    version    integer NOT NULL DEFAULT 1
);
CREATE INDEX meal_round_day ON meal_round (canteen_id, day DESC, meal, id);
CREATE INDEX meal_round_staff ON meal_round (staff_id, day);
CREATE TABLE meal_stop (
    round_id integer NOT NULL REFERENCES meal_round ON DELETE CASCADE,
    place    smallint NOT NULL,
    order_id bigint NOT NULL UNIQUE REFERENCES meal_order ON DELETE CASCADE,
    PRIMARY KEY (round_id, place)
);
CREATE TABLE meal_absence (                              -- nobody took the meal in: the station has to know why
    order_id    bigint PRIMARY KEY REFERENCES meal_order ON DELETE CASCADE,
    resident_id integer NOT NULL REFERENCES resident,
    at          timestamptz NOT NULL,
    note        text NOT NULL DEFAULT '',
    seen_to_at  timestamptz,
    seen_to_by  integer REFERENCES account ON DELETE SET NULL,
    found       text CHECK (found IN ('well', 'out', 'hospital', 'helped')),
    found_note  text NOT NULL DEFAULT '',
    CHECK ((seen_to_at IS NULL) = (found IS NULL))
);
CREATE INDEX meal_absence_open ON meal_absence (at) WHERE seen_to_at IS NULL;
CREATE INDEX meal_absence_resident ON meal_absence (resident_id);
-- Portions that are taken of a set, by everybody: a family or a station of one community sees its own orders alone.
CREATE FUNCTION meal_portions(asked integer) RETURNS bigint LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM meal_order WHERE offer_id = asked AND state <> 'cancelled'
$$;
REVOKE ALL ON FUNCTION meal_portions(integer) FROM PUBLIC;
