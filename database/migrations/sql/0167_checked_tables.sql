-- A table of records waits for its "store", too.
ALTER TABLE checked_file
    DROP CONSTRAINT checked_file_kind_check,
    ADD CONSTRAINT checked_file_kind_check CHECK (kind IN ('outlines', 'ground', 'table'));
