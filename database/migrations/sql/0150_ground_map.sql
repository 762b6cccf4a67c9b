-- The ground of the map, one PMTiles archive for the whole district, as it was loaded: each tile is cut out of it.
CREATE TABLE ground_map (
    id          integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    name        text NOT NULL,                      -- of the file
    attribution text NOT NULL CHECK (attribution <> ''),  -- whose map it is; stands on the map
    kind        text NOT NULL CHECK (kind IN ('mvt', 'png', 'jpeg', 'webp')),
    min_zoom    integer NOT NULL,
    max_zoom    integer NOT NULL CHECK (max_zoom >= min_zoom),
    west        double precision NOT NULL,          -- degrees WGS 84
    south       double precision NOT NULL,
    east        double precision NOT NULL,
    north       double precision NOT NULL,
    layers      text[] NOT NULL,                    -- names of the vector layers
    tiles       integer NOT NULL,                   -- addressed ones
    loaded_at   timestamptz NOT NULL,
    actor       text NOT NULL,                      -- the person's name at that time
    data        bytea NOT NULL CHECK (octet_length(data) <= 67108864)
);
-- Not packed (it is already), so that a slice is read without the rest.
ALTER TABLE ground_map ALTER COLUMN data SET STORAGE EXTERNAL;

-- A file that was checked and waits for its "store": chosen once, kept for some minutes.
CREATE TABLE checked_file (
    id         uuid PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('outlines', 'ground')),
    name       text NOT NULL,
    datum      text NOT NULL,
    at         timestamptz NOT NULL,
    data       bytea NOT NULL CHECK (octet_length(data) <= 67108864)
);
ALTER TABLE checked_file ALTER COLUMN data SET STORAGE EXTERNAL;
