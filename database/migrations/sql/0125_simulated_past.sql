-- Homes of a demonstration whose first days were made up, so that charts and statistics have something to show.
CREATE TABLE simulated_past (
    household_id integer PRIMARY KEY REFERENCES household ON DELETE CASCADE,
    since        timestamptz NOT NULL,          -- what lies from here …
    until        timestamptz NOT NULL,          -- … to here is made up; live data begin there
    seed         integer NOT NULL,
    readings     bigint NOT NULL,               -- rows of it in "reading": nobody sent them
    written_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (since < until)
);
