-- Where an area lies, for the map: checked and simplified before it is stored.
CREATE TABLE area_outline (
    area_id   integer PRIMARY KEY REFERENCES area ON DELETE CASCADE,
    geometry  jsonb NOT NULL                         -- GeoJSON MultiPolygon, degrees WGS 84 (CGCS2000 within centimetres)
              CHECK (geometry ->> 'type' = 'MultiPolygon' AND octet_length(geometry::text) <= 65536),
    points    integer NOT NULL CHECK (points >= 4),
    source    text NOT NULL,                         -- where it comes from, as whoever loaded it said
    loaded_at timestamptz NOT NULL,
    actor     text NOT NULL                          -- the person's name at that time
);
