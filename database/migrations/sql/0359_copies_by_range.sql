-- A copy may have the readings of some days alone: a year of one person is a gigabyte where readings are kept so long.
ALTER TABLE person_copy
    ADD COLUMN readings_from  date,              -- NULL: from the first that is stored
    ADD COLUMN readings_until date,              -- the last day; NULL: to the newest
    ADD CONSTRAINT person_copy_range CHECK (readings_from <= readings_until) NOT VALID;
