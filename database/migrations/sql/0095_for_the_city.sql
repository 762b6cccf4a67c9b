-- All that leaves the district for the city stands in these views: no name, telephone number or text about a person, no
-- address, no code of a resident, a household or a device. database/city/ tells it.

-- An alert's id follows from the resident's code, so it would give the resident away to anybody who tries the codes. The
-- city gets a pseudonym instead, which only this secret connects with the alert.
CREATE TABLE city_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    secret   bytea NOT NULL
);
INSERT INTO city_key (secret)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE FUNCTION city_pseudonym(secret bytea, id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT encode(substring(sha256(secret || uuid_send(id)) FOR 16), 'hex')::uuid $$;

-- The community of each home of people; of one that lies in none, the next larger area.
CREATE VIEW city_home AS
SELECT h.id AS household_id, p.community, p.level, p.name_zh, p.name_en
FROM household h JOIN (
    SELECT own.id, coalesce(c.path::text, '') AS community, coalesce(c.level, '') AS level,
           coalesce(c.name_zh, '') AS name_zh, coalesce(c.name_en, '') AS name_en
    FROM area own
    LEFT JOIN LATERAL (
        SELECT a.path, a.level, a.name_zh, a.name_en FROM area a
        WHERE a.path @> own.path AND a.level IN ('district', 'street', 'community') ORDER BY nlevel(a.path) DESC LIMIT 1
    ) c ON true
) p ON p.id = h.area_id
WHERE NOT h.synthetic;

-- The steps as dispatch/sla/clock.py measures them. "alert_id" is there to choose rows by; it stays in the district.
CREATE VIEW city_alert AS
SELECT city_pseudonym(k.secret, a.id) AS id, h.community, a.rule, a.severity, a.state, a.onset, a.raised_at,
       e.acknowledged_at, e.on_scene_at, CASE WHEN NOT alert_is_open(a.state) THEN e.closed_at END AS closed_at,
       f.verdict, a.id AS alert_id
FROM alert a JOIN city_home h USING (household_id) CROSS JOIN city_key k
LEFT JOIN alert_finding f ON f.alert_id = a.id
CROSS JOIN LATERAL (
    SELECT min(at) FILTER (WHERE action IN ('acknowledge', 'respond', 'arrive', 'resolve')) AS acknowledged_at,
           min(at) FILTER (WHERE action = 'arrive') AS on_scene_at,
           max(at) FILTER (WHERE action IN ('resolve', 'cancel', 'clear')) AS closed_at
    FROM alert_event WHERE alert_id = a.id
) e;

-- "watched": in a home of which a gateway is connected now.
CREATE VIEW city_community AS
SELECT h.community, h.level, h.name_zh, h.name_en, count(*)::integer AS homes,
       coalesce(sum(r.people), 0)::integer AS people,
       coalesce(sum(r.people) FILTER (WHERE g.gateways > g.offline), 0)::integer AS people_watched,
       coalesce(sum(g.gateways), 0)::integer AS gateways, coalesce(sum(g.offline), 0)::integer AS gateways_offline
FROM city_home h
LEFT JOIN (SELECT household_id, count(*) AS people FROM resident GROUP BY 1) r USING (household_id)
LEFT JOIN (SELECT household_id, count(*) AS gateways, count(*) FILTER (WHERE state <> 'online') AS offline
           FROM gateway GROUP BY 1) g USING (household_id)
GROUP BY 1, 2, 3, 4;

-- The series of people's homes, to count their readings by.
CREATE VIEW city_series AS
SELECT s.id AS series_id, s.channel, g.household_id
FROM series s JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id
JOIN city_home h ON h.household_id = g.household_id;
