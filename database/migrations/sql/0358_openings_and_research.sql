-- The page behind the link of a message shows names only to whoever says the end of the telephone number to which it was
-- sent. Each try is kept: after five wrong ones the link opens nothing more.
CREATE TABLE care_digest_opening (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest_id   bigint NOT NULL REFERENCES care_digest ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    good        boolean NOT NULL,
    origin      text NOT NULL
);
CREATE INDEX care_digest_opening_of ON care_digest_opening (digest_id);

-- Whether somebody of an export's file does not agree now. Times do not tell: a withdrawal that was under way while the
-- file was made has an older time than the file, which still has that person.
CREATE FUNCTION research_gone(export bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM research_member m WHERE m.export_id = export AND NOT EXISTS (
        SELECT FROM consents_to('research') c WHERE c.resident_id = m.resident_id))
$$;
REVOKE ALL ON FUNCTION research_gone(bigint) FROM PUBLIC;
