-- The same tables in the feed of a district, which holds its own rows, and in the city's database, which holds those of
-- all districts: every key begins with the district. Nothing here is about a person: database/migrations/sql/0095.

CREATE TABLE city.district (
    district     text PRIMARY KEY,       -- its code, the same for ever
    name_zh      text NOT NULL,
    name_en      text NOT NULL,
    told_at      timestamptz,            -- the feed agreed with the district's database then, by the latter's clock; NULL: never yet
    feed_version integer NOT NULL        -- the last file of this folder in the district
);

-- As it is now.
CREATE TABLE city.community (
    district         text NOT NULL,
    community        text NOT NULL,      -- path of the area
    level            text NOT NULL,
    name_zh          text NOT NULL,
    name_en          text NOT NULL,
    homes            integer NOT NULL,
    people           integer NOT NULL,
    people_watched   integer NOT NULL,   -- in homes of which a gateway is connected
    gateways         integer NOT NULL,
    gateways_offline integer NOT NULL,   -- or never seen
    PRIMARY KEY (district, community)
);

CREATE TABLE city.alert (
    district        text NOT NULL,
    id              uuid NOT NULL,       -- a pseudonym, which the district alone can resolve
    community       text NOT NULL,
    rule            text NOT NULL,
    severity        text NOT NULL,
    state           text NOT NULL,
    onset           timestamptz NOT NULL,
    raised_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    on_scene_at     timestamptz,
    closed_at       timestamptz,
    verdict         text,                -- 'true', 'false', 'test'; NULL: nobody has said
    PRIMARY KEY (district, id)
);
CREATE INDEX alert_raised ON city.alert (district, raised_at);

-- Counts at each full hour; the row says that the hour's roll-ups are told, too.
CREATE TABLE city.hour (
    district         text NOT NULL,
    hour             timestamptz NOT NULL,
    told_at          timestamptz NOT NULL,
    people           integer NOT NULL,
    people_watched   integer NOT NULL,
    gateways         integer NOT NULL,
    gateways_offline integer NOT NULL,
    PRIMARY KEY (district, hour)
);

-- Roll-ups of a district's readings.
CREATE TABLE city.reading_hour (
    district text NOT NULL,
    hour     timestamptz NOT NULL,
    channel  text NOT NULL,
    homes    integer NOT NULL,
    readings bigint NOT NULL,
    mean     real,                       -- NULL where fewer than ten homes have readings: it would be about persons
    PRIMARY KEY (district, hour, channel)
);
