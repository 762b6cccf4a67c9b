-- The complaints of whoever asks, all at once: the policy looked for the author of each row of the district.
CREATE FUNCTION complaints_mine() RETURNS text[] LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    RETURN ARRAY(SELECT w.complaint FROM complaint_author w WHERE w.account_id = viewer_account());
END $$;
REVOKE ALL ON FUNCTION complaints_mine() FROM PUBLIC;
