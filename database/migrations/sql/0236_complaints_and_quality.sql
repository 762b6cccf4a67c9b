-- Complaints, and quality control: plans, checks, findings. Histories are never changed.
CREATE TABLE complaint (
    code         text PRIMARY KEY,                       -- C261201-3F7K, told to who complains
    received_at  timestamptz NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('page', 'telephone', 'visit', 'letter')),
    area_path    ltree NOT NULL,                         -- where it belongs: the home's community, else the provider's area
    resident_id  integer REFERENCES resident,            -- whose care it is about; NULL: nobody's in particular
    about        text NOT NULL CHECK (about IN ('visit', 'meal', 'provider', 'device', 'other')),
    organisation_id integer REFERENCES organisation,     -- complained about
    staff_id     integer REFERENCES staff ON DELETE SET NULL,
    category     text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('minor', 'major', 'grave')),
    words        text NOT NULL,
    level        text NOT NULL CHECK (level IN ('station', 'street', 'district')),
    state        text NOT NULL CHECK (state IN ('open', 'answered', 'satisfied', 'closed')),
    due_at       timestamptz NOT NULL,
    rule         text,                                   -- that gave the deadline
    answered_at  timestamptz,
    closed_at    timestamptz,
    version      integer NOT NULL DEFAULT 1
);
CREATE INDEX complaint_due ON complaint (due_at, code) WHERE state = 'open';
CREATE INDEX complaint_received ON complaint (received_at DESC, code DESC);
CREATE INDEX complaint_resident ON complaint (resident_id);
CREATE INDEX complaint_organisation ON complaint (organisation_id, received_at DESC);
CREATE TABLE complaint_author (                          -- apart from the complaint: who is complained about does not see it
    complaint    text PRIMARY KEY REFERENCES complaint ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('resident', 'family', 'staff', 'public', 'anonymous')),
    name         text NOT NULL DEFAULT '',
    phone        text NOT NULL DEFAULT '',
    told         boolean NOT NULL DEFAULT false,         -- they allow that the person complained about learns who they are
    account_id   integer REFERENCES account ON DELETE SET NULL,
    recorded_by  integer REFERENCES account ON DELETE SET NULL
);
CREATE INDEX complaint_author_account ON complaint_author (account_id);
CREATE TABLE complaint_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    complaint    text NOT NULL REFERENCES complaint ON DELETE CASCADE,
    at           timestamptz NOT NULL,
    account_id   integer REFERENCES account ON DELETE SET NULL,
    kind         text NOT NULL,                          -- care_services/complaints/words.py: EVENTS
    level        text NOT NULL,
    words        text NOT NULL DEFAULT ''
);
CREATE INDEX complaint_event_complaint ON complaint_event (complaint, id);
-- Of the policies of the two tables neither asks the other's: these ask for both.
CREATE FUNCTION complaint_mine(asked text) RETURNS boolean LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    RETURN EXISTS (SELECT FROM complaint_author w WHERE w.complaint = asked AND w.account_id = viewer_account());
END $$;
REVOKE ALL ON FUNCTION complaint_mine(text) FROM PUBLIC;
CREATE FUNCTION complaint_about_me(asked text) RETURNS boolean LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN
    RETURN EXISTS (SELECT FROM complaint c JOIN staff s ON s.id = c.staff_id
                   WHERE c.code = asked AND s.account_id = viewer_account());
END $$;
REVOKE ALL ON FUNCTION complaint_about_me(text) FROM PUBLIC;

CREATE TABLE quality_plan (                              -- checks that were planned together, or drawn by lot
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('own', 'station', 'street', 'district')),
    list       text NOT NULL,                            -- care_services/quality/lists: code
    area_path  ltree NOT NULL,
    due_on     date NOT NULL,
    seed       text,                                     -- NULL: not drawn, chosen by somebody
    share      numeric(4, 3) CHECK (share > 0 AND share <= 1),
    strata     jsonb NOT NULL,                           -- [stratum, cases, drawn]
    cases      jsonb NOT NULL,                           -- [case, stratum] of the frame: the draw can be repeated
    drawn_at   timestamptz NOT NULL,
    drawn_by   integer REFERENCES account ON DELETE SET NULL
);
CREATE INDEX quality_plan_drawn ON quality_plan (drawn_at DESC, id DESC);
CREATE TABLE quality_check (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id    integer REFERENCES quality_plan,
    kind       text NOT NULL CHECK (kind IN ('own', 'station', 'street', 'district')),
    list       text NOT NULL,
    edition    integer NOT NULL,                         -- of the list
    organisation_id integer NOT NULL REFERENCES organisation,
    resident_id integer REFERENCES resident,             -- whose home was looked at; NULL: the provider's own place
    area_path  ltree NOT NULL,
    stratum    text NOT NULL DEFAULT '',
    due_on     date NOT NULL,
    state      text NOT NULL CHECK (state IN ('planned', 'done', 'cancelled')),
    done_at    timestamptz,
    account_id integer REFERENCES account ON DELETE SET NULL,  -- who checked
    passed     integer,
    failed     integer,
    not_seen   integer,
    note       text NOT NULL DEFAULT '',
    version    integer NOT NULL DEFAULT 1,
    CHECK ((state = 'done') = (done_at IS NOT NULL))
);
CREATE INDEX quality_check_due ON quality_check (due_on, id) WHERE state = 'planned';
CREATE INDEX quality_check_done ON quality_check (done_at DESC, id DESC) WHERE state = 'done';
CREATE INDEX quality_check_organisation ON quality_check (organisation_id, done_at DESC);
CREATE INDEX quality_check_plan ON quality_check (plan_id);
CREATE TABLE quality_result (
    check_id integer NOT NULL REFERENCES quality_check ON DELETE CASCADE,
    item     text NOT NULL,
    verdict  text NOT NULL CHECK (verdict IN ('pass', 'fail', 'not_seen')),
    note     text NOT NULL DEFAULT '',
    PRIMARY KEY (check_id, item)
);
CREATE TABLE quality_finding (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_id   integer NOT NULL REFERENCES quality_check,
    item       text NOT NULL,
    organisation_id integer NOT NULL REFERENCES organisation,
    area_path  ltree NOT NULL,
    severity   text NOT NULL CHECK (severity IN ('minor', 'major', 'grave')),
    words      text NOT NULL,
    responsible text NOT NULL,                           -- a person of the provider, as they are called there
    due_on     date NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'mended', 'closed')),
    mended_at  timestamptz,
    mended_by  integer REFERENCES account ON DELETE SET NULL,
    closed_at  timestamptz,
    closed_by  integer REFERENCES account ON DELETE SET NULL,
    version    integer NOT NULL DEFAULT 1,
    UNIQUE (check_id, item)
);
CREATE INDEX quality_finding_open ON quality_finding (due_on, id) WHERE state <> 'closed';
CREATE INDEX quality_finding_organisation ON quality_finding (organisation_id, due_on);
CREATE TABLE quality_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding_id integer NOT NULL REFERENCES quality_finding ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    account_id integer REFERENCES account ON DELETE SET NULL,
    kind       text NOT NULL,                            -- found, mended, not_mended, closed
    words      text NOT NULL DEFAULT ''
);
CREATE INDEX quality_event_finding ON quality_event (finding_id, id);
