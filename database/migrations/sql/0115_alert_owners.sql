-- Who has an alert, which alerts are one incident, what rests until when, and when it was closed. No row is written and
-- no rule is checked while the table is locked: 0156 does both.

ALTER TABLE alert
    ADD COLUMN owner_id integer REFERENCES account,           -- NULL: nobody has it, or somebody without an account
    ADD COLUMN owner_zh text NOT NULL DEFAULT '',             -- the name at that time; '': nobody has it
    ADD COLUMN owner_en text NOT NULL DEFAULT '',
    ADD COLUMN merged_into uuid REFERENCES alert,             -- the lead, which it follows in state and whose ladder calls
    ADD COLUMN snoozed_until timestamptz,                     -- rests until then, and comes back by itself
    ADD COLUMN calls_paused_until timestamptz,                -- the resident was spoken to and is well
    ADD COLUMN closed_at timestamptz,                         -- NULL: open
    ADD CONSTRAINT alert_leads_another CHECK (merged_into <> id) NOT VALID,
    ADD CONSTRAINT alert_snoozes_devices_only CHECK (snoozed_until IS NULL OR severity = 'technical') NOT VALID;

CREATE INDEX alert_closed ON alert (closed_at DESC, id) WHERE closed_at IS NOT NULL;
CREATE INDEX alert_merged ON alert (merged_into) WHERE merged_into IS NOT NULL;

-- How the resident sounded who answered; NULL: nobody asked, or somebody else was called.
ALTER TABLE call_attempt ADD COLUMN answer text CHECK (answer IN ('clear', 'unclear', 'help'));
