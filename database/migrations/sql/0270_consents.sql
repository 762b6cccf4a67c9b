-- The register of consents: each step of a resident towards a purpose and a recipient, in the order in which it was
-- written down. What running programs read stays where it was (contact, family_member, exchange_consent): triggers
-- write the step beside, whoever changes it. Nobody changes or removes a step; it goes with the resident's record.
CREATE TABLE consent_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    purpose     text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 40),
    recipient   text NOT NULL DEFAULT '' CHECK (length(recipient) <= 80), -- a contact's number, a login; '': all of the purpose
    name_zh     text NOT NULL DEFAULT '',    -- of the recipient, as it was
    name_en     text NOT NULL DEFAULT '',
    given       boolean NOT NULL,            -- false: withdrawn, or refused when asked
    at          timestamptz NOT NULL,        -- when the resident said so
    by_whom     text NOT NULL CHECK (by_whom IN ('self', 'guardian', 'recipient', 'unknown')),
    how         text NOT NULL CHECK (how IN ('paper', 'page', 'telephone', 'spoken', 'unknown')),
    evidence    text NOT NULL DEFAULT '' CHECK (length(evidence) <= 400),
    reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 400),
    words       integer NOT NULL DEFAULT 0,  -- version of the form's words; 0: not known
    account_id  integer REFERENCES account ON DELETE SET NULL, -- who wrote it down
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX consent_event_now ON consent_event (resident_id, purpose, recipient, id DESC);
CREATE INDEX consent_event_purpose ON consent_event (purpose, resident_id, id DESC) WHERE recipient = '';
CREATE INDEX consent_event_account ON consent_event (account_id);

CREATE FUNCTION refuse_consent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- the reference to an account that is removed
    IF NEW.account_id IS NULL AND to_jsonb(NEW) - 'account_id' = to_jsonb(OLD) - 'account_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'consent_event is append-only';
END $$;
CREATE TRIGGER consent_event_no_update BEFORE UPDATE ON consent_event
    FOR EACH ROW EXECUTE FUNCTION refuse_consent_change();

-- Write a step of a consent that another table keeps. How it was given is said by the setting of the transaction
-- (care_network/consents/register.py); else it is not known.
CREATE FUNCTION note_consent(who integer, what text, whom text, zh text, en text, agrees boolean, moment timestamptz,
                             writer integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    told jsonb := coalesce(nullif(current_setting('shouwang.consent', true), '')::jsonb, '{}');
BEGIN
    -- a record that is just being removed takes its consents along
    IF NOT EXISTS (SELECT FROM resident WHERE id = who) THEN
        RETURN;
    END IF;
    INSERT INTO consent_event (resident_id, purpose, recipient, name_zh, name_en, given, at, by_whom, how, evidence,
                               reason, words, account_id)
    VALUES (who, what, whom, coalesce(zh, ''), coalesce(en, ''), agrees, moment, coalesce(told ->> 'by', 'unknown'),
            coalesce(told ->> 'how', 'unknown'), coalesce(told ->> 'evidence', ''), coalesce(told ->> 'reason', ''),
            coalesce((told ->> 'words')::integer, 0),
            (SELECT id FROM account WHERE id = coalesce(
                nullif(current_setting('shouwang.account', true), '')::integer, writer)));
END $$;
REVOKE ALL ON FUNCTION note_consent(integer, text, text, text, text, boolean, timestamptz, integer) FROM PUBLIC;

CREATE FUNCTION note_contact_consent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    before boolean := TG_OP <> 'INSERT' AND OLD.consent_at IS NOT NULL;
    after  boolean := TG_OP <> 'DELETE' AND NEW.consent_at IS NOT NULL;
BEGIN
    IF after AND NOT before THEN
        PERFORM note_consent(NEW.resident_id, 'emergency_contact', NEW.id::text, NEW.name_zh, NEW.name_en, true,
                             NEW.consent_at, NULL);
    ELSIF before AND NOT after THEN
        PERFORM note_consent(OLD.resident_id, 'emergency_contact', OLD.id::text, OLD.name_zh, OLD.name_en, false,
                             clock_timestamp(), NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER contact_consent AFTER INSERT OR DELETE OR UPDATE OF consent_at ON contact
    FOR EACH ROW EXECUTE FUNCTION note_contact_consent();

CREATE FUNCTION note_family_consent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    person record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT login, name_zh, name_en INTO person FROM account WHERE id = NEW.account_id;
        PERFORM note_consent(NEW.resident_id, 'family_view', person.login, person.name_zh, person.name_en, true,
                             NEW.consent_at, NULL);
        RETURN NULL;
    END IF;
    SELECT login, name_zh, name_en INTO person FROM account WHERE id = OLD.account_id;
    IF person.login IS NOT NULL THEN -- else the account is just being removed, and was named when it was given
        PERFORM note_consent(OLD.resident_id, 'family_view', person.login, person.name_zh, person.name_en, false,
                             clock_timestamp(), NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER family_member_consent AFTER INSERT OR DELETE ON family_member
    FOR EACH ROW EXECUTE FUNCTION note_family_consent();

CREATE FUNCTION note_exchange_consent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    system record;
BEGIN
    SELECT login, name_zh, name_en INTO system FROM account WHERE id = NEW.account_id;
    IF TG_OP = 'INSERT' THEN
        PERFORM note_consent(NEW.resident_id, 'exchange', system.login, system.name_zh, system.name_en, true,
                             NEW.given_at, NEW.given_by);
    ELSIF OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL THEN
        PERFORM note_consent(NEW.resident_id, 'exchange', system.login, system.name_zh, system.name_en, false,
                             NEW.withdrawn_at, NEW.withdrawn_by);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER exchange_consent_noted AFTER INSERT OR UPDATE OF withdrawn_at ON exchange_consent
    FOR EACH ROW EXECUTE FUNCTION note_exchange_consent();

-- What stood before the register: since when is known, how it was given is not.
INSERT INTO consent_event (resident_id, purpose, recipient, name_zh, name_en, given, at, by_whom, how)
SELECT resident_id, 'emergency_contact', id::text, name_zh, name_en, true, consent_at, 'unknown', 'unknown'
FROM contact WHERE consent_at IS NOT NULL
UNION ALL
SELECT f.resident_id, 'family_view', a.login, a.name_zh, a.name_en, true, f.consent_at, 'unknown', 'unknown'
FROM family_member f JOIN account a ON a.id = f.account_id
UNION ALL
SELECT c.resident_id, 'exchange', a.login, a.name_zh, a.name_en, true, c.given_at, 'unknown', 'unknown'
FROM exchange_consent c JOIN account a ON a.id = c.account_id WHERE c.withdrawn_at IS NULL;

-- Who agrees now to a purpose without named recipients; programs ask this at each use, so that a withdrawal holds at once.
CREATE FUNCTION consents_to(what text) RETURNS TABLE (resident_id integer) LANGUAGE sql STABLE AS $$
    SELECT e.resident_id FROM (
        SELECT DISTINCT ON (c.resident_id) c.resident_id, c.given, c.at FROM consent_event c
        WHERE c.purpose = what AND c.recipient = '' ORDER BY c.resident_id, c.id DESC) e
    WHERE e.given AND e.at <= now()
$$;
-- What a resident said last: true, false, or NULL, never asked.
CREATE FUNCTION consent_of(who integer, what text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT c.given AND c.at <= now() FROM consent_event c
    WHERE c.resident_id = who AND c.purpose = what AND c.recipient = '' ORDER BY c.id DESC LIMIT 1
$$;
