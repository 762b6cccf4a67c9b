-- The latest time that a stored frame of the stream began at, µs since 1970; 0: not known yet. A number that comes again
-- with something later is no repetition.
ALTER TABLE ingest_stream ADD newest_us bigint NOT NULL DEFAULT 0;
