"""Hold the roles that write accounts and sessions to what somebody has proved, by triggers.

The role that checks passwords opens a session, or writes a credential for somebody who has no session yet, only after
the console's program has countersigned the same row by another role's login (``countersign()``, which ``board`` may
call): whoever has the password of one of them opens nothing. Credentials are changed by their person's own session, or
by one that manages accounts. The owner (commands of administrators) is not bound.
"""

TRIGGERS = """
CREATE OR REPLACE FUNCTION guard_account() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = '{login}' AND NOT (
        viewer_may('manage_accounts') AND (TG_OP = 'INSERT' OR OLD.id IN (SELECT viewer_accounts()))
        AND (NEW.area_path IS NULL OR NEW.area_path <@ viewer_area())) THEN
        RAISE EXCEPTION 'only who manages accounts, and below their own area' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS account_made ON account;
CREATE TRIGGER account_made BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION guard_account();
DROP TRIGGER IF EXISTS account_changed ON account;
CREATE TRIGGER account_changed BEFORE UPDATE ON account FOR EACH ROW WHEN (
    (OLD.login, OLD.role, OLD.area_path, OLD.active) IS DISTINCT FROM (NEW.login, NEW.role, NEW.area_path, NEW.active))
    EXECUTE FUNCTION guard_account();

CREATE OR REPLACE FUNCTION guard_credential() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = '{login}' AND NOT (
        OLD.id IS NOT DISTINCT FROM viewer_account()
        OR viewer_may('manage_accounts') AND OLD.id IN (SELECT viewer_accounts())
        OR NEW.password_hash IS DISTINCT FROM OLD.password_hash AND NEW.totp_secret IS NOT DISTINCT FROM OLD.totp_secret
            AND use_countersign(sha256(convert_to(concat_ws(' ', 'password', OLD.id, NEW.password_hash), 'UTF8')))
        OR NEW.password_hash IS NOT DISTINCT FROM OLD.password_hash AND NEW.totp_secret IS NOT NULL
            AND use_countersign(sha256(convert_to(concat_ws(' ', 'second factor', OLD.id, NEW.totp_secret), 'UTF8')))
    ) THEN
        RAISE EXCEPTION 'only by its own session, or who manages accounts' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS account_credential ON account;
CREATE TRIGGER account_credential BEFORE UPDATE ON account FOR EACH ROW WHEN (
    (OLD.password_hash, OLD.totp_secret) IS DISTINCT FROM (NEW.password_hash, NEW.totp_secret))
    EXECUTE FUNCTION guard_credential();

CREATE OR REPLACE FUNCTION guard_session() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user NOT IN ('{login}', '{console}') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT use_countersign(sha256(convert_to(
            concat_ws(' ', 'session', NEW.account_id, encode(NEW.token_hash, 'hex')), 'UTF8'))) THEN
            RAISE EXCEPTION 'a session is opened by the console alone' USING ERRCODE = '42501';
        END IF;
    ELSIF (OLD.account_id, OLD.token_hash, OLD.created_at) IS DISTINCT FROM
          (NEW.account_id, NEW.token_hash, NEW.created_at)
        OR OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL THEN
        RAISE EXCEPTION 'a session stays its person''s, and one that has ended stays so' USING ERRCODE = '42501';
    END IF;
    IF NEW.expires_at > NEW.created_at + interval '31 days'
        OR NEW.created_at > clock_timestamp() + interval '1 day' THEN
        RAISE EXCEPTION 'no session is that long' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS session_guarded ON session;
CREATE TRIGGER session_guarded BEFORE INSERT OR UPDATE ON session FOR EACH ROW EXECUTE FUNCTION guard_session();

CREATE OR REPLACE FUNCTION guard_passkey() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = '{login}' AND (
        TG_OP = 'INSERT' AND NEW.account_id IS DISTINCT FROM viewer_account()
        OR TG_OP = 'UPDATE' AND (OLD.account_id, OLD.credential, OLD.public_key) IS DISTINCT FROM
            (NEW.account_id, NEW.credential, NEW.public_key)) THEN
        RAISE EXCEPTION 'a passkey is made in a session of its person' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS passkey_guarded ON passkey;
CREATE TRIGGER passkey_guarded BEFORE INSERT OR UPDATE ON passkey FOR EACH ROW EXECUTE FUNCTION guard_passkey();

CREATE OR REPLACE FUNCTION guard_enrolment() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = '{login}' AND NOT use_countersign(sha256(convert_to(
        concat_ws(' ', 'enrolment', NEW.account_id, encode(NEW.browser, 'hex')), 'UTF8'))) THEN
        RAISE EXCEPTION 'an enrolment is begun by the console alone' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS login_enrolment_guarded ON login_enrolment;
CREATE TRIGGER login_enrolment_guarded BEFORE INSERT OR UPDATE ON login_enrolment
    FOR EACH ROW EXECUTE FUNCTION guard_enrolment()
"""
"""Formatted with the names of the two roles."""
