-- Somebody said that they see to a certificate, and it was opened again: who did last, and why. Taken anew, it stays known.
ALTER TABLE certificate_reminder
    ADD COLUMN opened_at timestamptz,
    ADD COLUMN opened_by integer REFERENCES account,
    ADD COLUMN opened_name text,
    ADD COLUMN opened_reason text NOT NULL DEFAULT '',
    ADD CONSTRAINT certificate_reminder_opened CHECK ((opened_at IS NULL) = (opened_name IS NULL)
        AND (opened_at IS NULL) = (opened_reason = ''));
