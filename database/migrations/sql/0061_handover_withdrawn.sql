-- Whoever has offered a hand-over may take it back until somebody has accepted it.
ALTER TABLE handover
    ADD COLUMN withdrawn_at timestamptz,
    ADD CONSTRAINT handover_ends_once CHECK (accepted_at IS NULL OR withdrawn_at IS NULL);
