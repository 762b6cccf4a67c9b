-- What somebody at the desk or at the door must know of a person and a home. NULL: nobody has said.
ALTER TABLE resident
    ADD COLUMN lives_alone        boolean,
    ADD COLUMN preferred_language text;          -- ISO 639-3, a code of care_network/catalogues/workforce.py

ALTER TABLE household
    ADD COLUMN floor    smallint CHECK (floor BETWEEN -5 AND 200), -- as the lift's buttons count: 1 is the ground floor
    ADD COLUMN has_lift boolean,
    ADD COLUMN way_in   text NOT NULL DEFAULT '', -- gate, door, bell; never the code of a key safe
    ADD COLUMN key_safe boolean;                 -- its code stands in the encrypted medical note
