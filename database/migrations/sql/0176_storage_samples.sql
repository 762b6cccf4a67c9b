-- How large the tables were, once an hour: from it comes how much a day adds, and when the disk is full.

CREATE TABLE storage_sample (
    at         timestamptz PRIMARY KEY,
    sizes      jsonb NOT NULL,                   -- group of tables: bytes
    state      jsonb NOT NULL DEFAULT '{}',      -- database.upkeep.samples.State
    free_bytes bigint,                           -- on the disk of the database; NULL: it cannot be seen from here
    disk_bytes bigint
);
