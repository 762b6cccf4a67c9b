-- The picture's totals of each compound, written with it: a page adds them up and looks at no resident.

CREATE TABLE protection_total (
    area_id   integer PRIMARY KEY REFERENCES area ON DELETE CASCADE,
    residents integer NOT NULL,
    counts    integer[] NOT NULL CHECK (cardinality(counts) = 28),  -- by function, then level
    resting   integer[] NOT NULL CHECK (cardinality(resting) = 7)   -- blind, and it ends by itself
);
