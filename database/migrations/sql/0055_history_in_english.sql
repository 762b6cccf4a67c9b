-- What the system did, for those who read English; what people write stays in their own words.
ALTER TABLE alert_event ADD COLUMN note_en text NOT NULL DEFAULT '';
