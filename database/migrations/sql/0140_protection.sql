-- What each resident is protected against: the present picture, how it changed, and when nobody looked.
-- Functions in the order of care_network/protection/functions.py: falls, help, hazard, stillness, leaving, vitals,
-- breathing. Levels: 0 covered, 1 weak, 2 unknown, 3 blind.

CREATE TABLE protection_now (
    resident_id integer PRIMARY KEY REFERENCES resident ON DELETE CASCADE,
    levels      smallint[] NOT NULL CHECK (cardinality(levels) = 7),
    resting     boolean[] NOT NULL CHECK (cardinality(resting) = 7), -- ends by itself: away, paused, a carer is there
    reasons     jsonb NOT NULL                    -- seven, care_network/protection/reasons.py
);

CREATE TABLE protection_look (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one), -- a single row
    at        timestamptz NOT NULL,               -- when the picture was last right
    began_at  timestamptz NOT NULL,               -- of the program that looks
    took_ms   integer NOT NULL,
    residents integer NOT NULL
);

CREATE TABLE protection_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    function    smallint NOT NULL CHECK (function BETWEEN 0 AND 6),
    level       smallint NOT NULL CHECK (level BETWEEN 0 AND 3),
    reason      jsonb NOT NULL
);
CREATE INDEX protection_change_resident ON protection_change (resident_id, function, at);
CREATE INDEX protection_change_at ON protection_change (at);

-- Times in which nobody looked: what happened in them is not known.
CREATE TABLE protection_gap (
    since timestamptz PRIMARY KEY,
    until timestamptz NOT NULL CHECK (since < until)
);
