-- A receiver that counter-signs at once: without its counter-signature in the answer nothing counts as delivered.

ALTER TABLE report_receiver ADD COLUMN receipt boolean NOT NULL DEFAULT false
    CHECK (NOT receipt OR signing_key <> '');
