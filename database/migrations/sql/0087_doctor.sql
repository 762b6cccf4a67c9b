-- The rows of `shouwang doctor`, as each machine last saw them: the console's page of operations shows them.
CREATE TABLE doctor_check (
    machine    text NOT NULL,
    position   integer NOT NULL,             -- in the order in which they are told
    what       text NOT NULL,                -- 'broker as svc-ingest'
    good       boolean NOT NULL,
    text       text NOT NULL,                -- what was found and what to do
    checked_at timestamptz NOT NULL,         -- by the database's clock
    PRIMARY KEY (machine, position)
);
