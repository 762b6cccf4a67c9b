-- The last backup, check and restore drill of each machine: the doctor, the console and the metrics tell their age.
CREATE TABLE backup_report (
    machine text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('database', 'files', 'check', 'drill')),
    good    boolean NOT NULL,
    text    text NOT NULL,                   -- what was done, or what went wrong
    at      timestamptz NOT NULL,            -- by the database's clock
    well_at timestamptz,                     -- the last time that it went well
    PRIMARY KEY (machine, kind)
);
ALTER TABLE doctor_check ADD COLUMN warning boolean NOT NULL DEFAULT false;  -- good, and a person should know it
