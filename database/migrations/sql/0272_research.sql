-- Research without names: projects with purpose, recipient and approver, their exports; and the register of breaches.
CREATE TABLE research_project (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    purpose     text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 1000),
    recipient   text NOT NULL CHECK (length(recipient) BETWEEN 1 AND 200),
    area_path   ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE,
    columns     text[] NOT NULL CHECK (cardinality(columns) BETWEEN 1 AND 40),
    k           integer NOT NULL CHECK (k BETWEEN 5 AND 1000),   -- the smallest group that is given out
    l           integer NOT NULL DEFAULT 1 CHECK (l BETWEEN 1 AND 10), -- different values of each sensitive column in it
    -- the key of the project's pseudonyms and of the shift of its dates; the console cannot read it
    secret      bytea NOT NULL DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    planned_by  integer REFERENCES account ON DELETE SET NULL,
    planned_at  timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'refused', 'ended')),
    decided_by  integer REFERENCES account ON DELETE SET NULL,
    decided_at  timestamptz,
    expires_on  date NOT NULL
);
CREATE INDEX research_project_area ON research_project USING gist (area_path);
CREATE TABLE research_export (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  integer NOT NULL REFERENCES research_project,
    account_id  integer REFERENCES account ON DELETE SET NULL,
    asked_at    timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'empty', 'ended')),
    agreed      integer NOT NULL DEFAULT 0,      -- residents who agree
    released    integer NOT NULL DEFAULT 0,
    suppressed  integer NOT NULL DEFAULT 0,      -- left out, because their group is too small or too alike
    groups      integer NOT NULL DEFAULT 0,
    smallest    integer NOT NULL DEFAULT 0,
    made_at     timestamptz,
    body        bytea
);
CREATE INDEX research_export_project ON research_export (project_id, id);
CREATE INDEX research_export_open ON research_export (id) WHERE state = 'waiting';

-- The people of an export that waits: those who agree at this moment, of an approved project that has not ended; no
-- name, no address, no code.
CREATE FUNCTION research_people(export bigint) RETURNS TABLE (
    resident_id integer, birth_date date, sex text, street_zh text, street_en text, ability_grade text,
    lives_alone boolean, home_care_bed boolean, falls integer, emergencies integer, alerts integer, last_fall date
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.birth_date, r.sex, s.name_zh, s.name_en, r.ability_grade, r.lives_alone, r.home_care_bed,
           x.falls, x.emergencies, x.alerts, x.last_fall
    FROM research_export e JOIN research_project p ON p.id = e.project_id AND p.state = 'approved'
        AND p.expires_on >= (now() AT TIME ZONE 'Asia/Shanghai')::date
    JOIN area a ON a.path <@ p.area_path
    JOIN household h ON h.area_id = a.id AND NOT h.synthetic
    JOIN resident r ON r.household_id = h.id
    JOIN consents_to('research') c ON c.resident_id = r.id
    LEFT JOIN area s ON s.level = 'street' AND a.path <@ s.path
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE l.rule LIKE 'fall%')::int AS falls,
               count(*) FILTER (WHERE l.severity = 'emergency')::int AS emergencies, count(*)::int AS alerts,
               max(l.onset) FILTER (WHERE l.rule LIKE 'fall%')::date AS last_fall
        FROM alert l WHERE l.resident_id = r.id AND l.raised_at > now() - interval '365 days' AND l.severity <> 'technical'
    ) x
    WHERE e.id = export AND e.state = 'waiting'
$$;
REVOKE ALL ON FUNCTION research_people(bigint) FROM PUBLIC;
-- Exports go with the end of their project.
CREATE FUNCTION end_research_exports() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE research_project SET state = 'ended'
    WHERE state = 'approved' AND expires_on < (now() AT TIME ZONE 'Asia/Shanghai')::date;
    UPDATE research_export e SET state = 'ended', body = NULL FROM research_project p
    WHERE p.id = e.project_id AND p.state IN ('ended', 'refused') AND e.state IN ('waiting', 'done', 'empty')
$$;
REVOKE ALL ON FUNCTION end_research_exports() FROM PUBLIC;
-- Whether somebody took the consent to research back since a moment: then an export made before is not given out.
CREATE FUNCTION research_withdrawn_since(moment timestamptz) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM consent_event WHERE purpose = 'research' AND NOT given AND recorded_at > moment)
        OR EXISTS (SELECT FROM erasure WHERE done_at > moment)
$$;
REVOKE ALL ON FUNCTION research_withdrawn_since(timestamptz) FROM PUBLIC;

CREATE TABLE privacy_breach (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area_path    ltree NOT NULL REFERENCES area (path) ON UPDATE CASCADE, -- of whoever wrote it down
    happened_at  timestamptz NOT NULL,
    noticed_at   timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('leak', 'tamper', 'loss')), -- article 57
    what         text NOT NULL CHECK (length(what) BETWEEN 1 AND 2000),
    people       integer CHECK (people >= 0),    -- NULL: not known yet
    measures     text NOT NULL DEFAULT '' CHECK (length(measures) <= 2000),
    told_authority_at timestamptz,
    told_people_at    timestamptz,
    why_not_told text NOT NULL DEFAULT '' CHECK (length(why_not_told) <= 400), -- measures that avert the harm
    closed_at    timestamptz,
    account_id   integer REFERENCES account ON DELETE SET NULL,
    version      integer NOT NULL DEFAULT 1,
    CHECK (noticed_at >= happened_at)
);
CREATE INDEX privacy_breach_area ON privacy_breach USING gist (area_path);
