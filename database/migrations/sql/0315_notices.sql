-- Notices of care: what a part of the wing wants somebody to know by a day. Notices of one recipient that are due together
-- are one digest, and a digest is one message of the delivery service. 0316 checks the rows that exist, without this lock.

CREATE TABLE care_digest (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    to_kind     text NOT NULL,
    to_key      text NOT NULL,
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    language    text NOT NULL CHECK (language IN ('zh', 'en')),
    phone       text NOT NULL DEFAULT '',           -- of somebody who is neither staff nor a contact
    account_id  integer REFERENCES account ON DELETE CASCADE,
    urgent      boolean NOT NULL,
    notices     integer NOT NULL CHECK (notices > 0),
    words_zh    text NOT NULL,                      -- kinds and numbers: '证书到期 2 条'; nobody's data
    words_en    text NOT NULL,
    made_at     timestamptz NOT NULL
);
CREATE INDEX care_digest_made ON care_digest (made_at);
CREATE INDEX care_digest_account ON care_digest (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE care_notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    to_kind     text NOT NULL CHECK (to_kind IN ('account', 'staff', 'contact', 'organisation', 'volunteer')),
    to_key      text NOT NULL,                      -- account's id, or a code; of a contact 'resident/telephone'
    kind        text NOT NULL,                      -- a code of care_services/core/notice_kinds.py
    key         text NOT NULL,                      -- the reason: the same one is told once
    name_zh     text NOT NULL DEFAULT '',           -- of the recipient, filled in by the trigger, as the two below
    name_en     text NOT NULL DEFAULT '',
    account_id  integer REFERENCES account ON DELETE CASCADE,
    area        ltree,
    zh          text NOT NULL CHECK (zh <> ''),     -- for the page; never part of a short message
    en          text NOT NULL CHECK (en <> ''),
    link        text,                               -- an address of the console, '/care/...'
    signed      jsonb,                              -- a page without a login: path, purpose, subject
    due_at      timestamptz NOT NULL,
    send_at     timestamptz NOT NULL,               -- not before: due, moved out of the night, or to the hour of digests
    urgent      boolean NOT NULL DEFAULT false,
    made_at     timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'queued'
                CHECK (state IN ('queued', 'handed', 'sent', 'delivered', 'failed', 'unknown', 'withdrawn')),
    state_at    timestamptz NOT NULL,
    why         text NOT NULL DEFAULT '' CHECK (why IN ('', 'over', 'no_consent', 'gone')),
    tries       smallint NOT NULL DEFAULT 0,
    digest_id   bigint REFERENCES care_digest,
    CONSTRAINT care_notice_once UNIQUE (kind, key, to_kind, to_key)
);
CREATE INDEX care_notice_ready ON care_notice (send_at) WHERE state = 'queued';
CREATE INDEX care_notice_digest ON care_notice (digest_id) WHERE digest_id IS NOT NULL;
CREATE INDEX care_notice_account ON care_notice (account_id, id DESC) WHERE account_id IS NOT NULL;
CREATE INDEX care_notice_listed ON care_notice (state, id DESC);
CREATE INDEX care_notice_recipient ON care_notice (to_kind, to_key, id DESC);

-- Whose it is: looked up here, for whoever tells need not be allowed to see whom they tell. Whoever is on the staff is told
-- as such, however they are named, so that all of theirs is one message. A recipient who is not there, and the contact of
-- a synthetic home, are told nothing.
CREATE FUNCTION care_notice_fill() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE worker text;
BEGIN
    SELECT s.code INTO worker FROM staff s
    WHERE s.active AND (NEW.to_kind = 'account' AND s.account_id::text = NEW.to_key OR NEW.to_kind = 'volunteer'
        AND s.id = (SELECT v.staff_id FROM time_volunteer v WHERE v.code = NEW.to_key AND v.state <> 'ended'))
    ORDER BY s.id LIMIT 1;
    IF FOUND THEN
        NEW.to_kind := 'staff';
        NEW.to_key := worker;
    END IF;
    IF NEW.to_kind = 'account' THEN
        SELECT a.name_zh, a.name_en, a.id, coalesce(a.area_path, (
                   SELECT p.path FROM family_member f JOIN resident r ON r.id = f.resident_id
                   JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area p ON p.id = h.area_id
                   WHERE f.account_id = a.id ORDER BY f.resident_id LIMIT 1))
        INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM account a WHERE a.id::text = NEW.to_key AND a.active;
    ELSIF NEW.to_kind = 'staff' THEN
        SELECT s.name_zh, s.name_en, s.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area p ON p.id = o.area_id
        WHERE s.code = NEW.to_key AND s.active;
    ELSIF NEW.to_kind = 'contact' THEN
        SELECT c.name_zh, c.name_en, c.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM contact c JOIN resident r ON r.id = c.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area p ON p.id = h.area_id
        WHERE r.code = split_part(NEW.to_key, '/', 1) AND r.code || '/' || c.phone = NEW.to_key;
    ELSIF NEW.to_kind = 'organisation' THEN
        SELECT o.name_zh, o.name_en, NULL, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM organisation o JOIN area p ON p.id = o.area_id WHERE o.code = NEW.to_key AND o.active;
    ELSE
        SELECT v.name_zh, v.name_en, s.account_id, p.path INTO NEW.name_zh, NEW.name_en, NEW.account_id, NEW.area
        FROM time_volunteer v JOIN area p ON p.id = v.area_id LEFT JOIN staff s ON s.id = v.staff_id AND s.active
        WHERE v.code = NEW.to_key AND v.state <> 'ended';
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION care_notice_fill() FROM PUBLIC;
CREATE TRIGGER care_notice_fill BEFORE INSERT ON care_notice FOR EACH ROW EXECUTE FUNCTION care_notice_fill();

-- The reason is over: whoever knows it need not see the recipient. What was sent stays as it was.
CREATE FUNCTION care_notice_over(of_kind text, of_keys text[]) RETURNS integer LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH over AS (
        UPDATE care_notice SET state = 'withdrawn', why = 'over', state_at = clock_timestamp()
        WHERE kind = of_kind AND key = ANY (of_keys) AND state IN ('queued', 'handed', 'unknown', 'failed')
        RETURNING 1)
    SELECT count(*)::integer FROM over
$$;
REVOKE ALL ON FUNCTION care_notice_over(text, text[]) FROM PUBLIC;

ALTER TABLE notification
    ADD COLUMN care_digest_id bigint REFERENCES care_digest ON DELETE CASCADE,
    DROP CONSTRAINT notification_about,
    ADD CONSTRAINT notification_about
        CHECK (num_nonnulls(alert_id, warning_id, duty_test_id, channel_test_id, care_digest_id) = 1) NOT VALID,
    DROP CONSTRAINT notification_reason_check,
    ADD CONSTRAINT notification_reason_check CHECK (reason IN (
        'escalation', 'update', 'breach', 'over', 'work_order', 'handover', 'roster', 'duty_test', 'support',
        'order_off', 'channel_test', 'care')) NOT VALID;
CREATE UNIQUE INDEX notification_care_digest_once ON notification (care_digest_id) WHERE care_digest_id IS NOT NULL;
