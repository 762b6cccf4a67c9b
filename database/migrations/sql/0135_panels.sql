-- Panels: a tablet or television in a home with the call button, bound to the home's gateway by a signed address.

CREATE TABLE panel (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id   integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
    made_at      timestamptz NOT NULL DEFAULT now(),
    made_by      integer NOT NULL REFERENCES account,
    withdrawn_at timestamptz,                    -- its address works no more
    seen_at      timestamptz                     -- when it asked last
);
-- One for each gateway: a new address ends the old one.
CREATE UNIQUE INDEX panel_of_gateway ON panel (gateway_id) WHERE withdrawn_at IS NULL;
