-- Assessments of ability (GB/T 42195-2022), what happened to each, and what a grade proposes.
CREATE TABLE assessment (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id     integer NOT NULL REFERENCES resident,
    reason          text NOT NULL CHECK (reason IN ('first', 'routine', 'immediate', 'doubt')),
    doubts_id       bigint REFERENCES assessment,   -- of a re-assessment on doubt: the one that is doubted
    corrects_id     bigint REFERENCES assessment,   -- a new one in the place of one that was objected to
    state           text NOT NULL DEFAULT 'draft'
                    CHECK (state IN ('draft', 'signed', 'objected', 'in_force', 'discarded')),
    version         integer NOT NULL DEFAULT 1,     -- rises with each change: two people at once get a clear answer
    answers         jsonb NOT NULL DEFAULT '{}',    -- points by item, care_services/assessment/standard.toml
    diagnosis       text CHECK (diagnosis IN ('none', 'dementia', 'mental')), -- NULL: not known
    events          jsonb NOT NULL DEFAULT '{}',    -- care-risk events of 30 days, by sort
    informant       text NOT NULL DEFAULT '',       -- who told, beside the resident
    note            text NOT NULL DEFAULT '',
    begun_at        timestamptz NOT NULL,
    begun_by        integer REFERENCES account ON DELETE SET NULL,
    changed_at      timestamptz NOT NULL,
    changed_by      integer REFERENCES account ON DELETE SET NULL,
    changed_zh      text NOT NULL,                  -- names as they were then
    changed_en      text NOT NULL,
    first_at        timestamptz,                    -- the first assessor's signature
    first_by        integer REFERENCES account ON DELETE SET NULL,
    first_zh        text,
    first_en        text,
    second_at       timestamptz,                    -- the second's, or their objection
    second_by       integer REFERENCES account ON DELETE SET NULL,
    second_zh       text,
    second_en       text,
    objection       text NOT NULL DEFAULT '',
    -- the outcome, as signed; NULL before
    sums            jsonb,                          -- points by domain
    total           smallint CHECK (total BETWEEN 0 AND 90),  -- NULL where a coma decided before all was asked
    preliminary     text CHECK (preliminary IN ('intact', 'mild', 'moderate', 'severe', 'lost')),
    grade           text CHECK (grade IN ('intact', 'mild', 'moderate', 'severe', 'lost')),
    adjustments     jsonb,                          -- why the grade is another than by the total
    evidence        jsonb,                          -- what the platform knew then
    due_on          date,                           -- the next assessment
    due_why         text,                           -- the code of the rule that says so
    current         boolean NOT NULL DEFAULT false, -- the one in force of its resident
    CHECK ((state IN ('draft', 'discarded')) OR (first_at IS NOT NULL AND grade IS NOT NULL)),
    CHECK ((state = 'in_force') = (due_on IS NOT NULL)),
    CHECK (reason <> 'doubt' OR doubts_id IS NOT NULL),
    CHECK (first_by <> second_by),
    CHECK (NOT current OR state = 'in_force')
);
CREATE INDEX assessment_resident ON assessment (resident_id, id DESC);
CREATE UNIQUE INDEX assessment_open ON assessment (resident_id) WHERE state IN ('draft', 'signed');
CREATE UNIQUE INDEX assessment_current ON assessment (resident_id) WHERE current;
CREATE INDEX assessment_due ON assessment (due_on, id) WHERE current;
CREATE INDEX assessment_waiting ON assessment (id) WHERE state IN ('draft', 'signed', 'objected');
CREATE INDEX assessment_doubts ON assessment (doubts_id) WHERE doubts_id IS NOT NULL;
CREATE INDEX assessment_corrects ON assessment (corrects_id) WHERE corrects_id IS NOT NULL;

-- What was signed stays: only the second signature and the end of being current come after it.
CREATE FUNCTION keep_signed_assessment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'assessment % stays', OLD.id;
    END IF;
    IF OLD.state = 'draft' THEN
        IF NEW.state NOT IN ('draft', 'signed', 'discarded') THEN
            RAISE EXCEPTION 'assessment %: a draft is signed by a first assessor', OLD.id;
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (OLD.state = NEW.state OR (OLD.state = 'signed' AND NEW.state IN ('in_force', 'objected')))
       OR (NEW.resident_id, NEW.reason, NEW.doubts_id, NEW.corrects_id, NEW.answers, NEW.diagnosis, NEW.events,
           NEW.informant, NEW.note, NEW.begun_at, NEW.first_at, NEW.sums, NEW.total, NEW.preliminary, NEW.grade,
           NEW.adjustments, NEW.evidence)
          IS DISTINCT FROM
          (OLD.resident_id, OLD.reason, OLD.doubts_id, OLD.corrects_id, OLD.answers, OLD.diagnosis, OLD.events,
           OLD.informant, OLD.note, OLD.begun_at, OLD.first_at, OLD.sums, OLD.total, OLD.preliminary, OLD.grade,
           OLD.adjustments, OLD.evidence)
       OR (OLD.state <> 'signed' AND (NEW.second_at, NEW.objection, NEW.due_on, NEW.due_why)
           IS DISTINCT FROM (OLD.second_at, OLD.objection, OLD.due_on, OLD.due_why))
    THEN
        RAISE EXCEPTION 'assessment % is signed and never changes', OLD.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assessment_stays BEFORE UPDATE OR DELETE ON assessment
    FOR EACH ROW EXECUTE FUNCTION keep_signed_assessment();

-- Who did what with it.
CREATE TABLE assessment_event (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assessment_id bigint NOT NULL REFERENCES assessment,
    at            timestamptz NOT NULL,
    action        text NOT NULL CHECK (action IN ('begin', 'sign', 'confirm', 'object', 'discard')),
    account_id    integer REFERENCES account ON DELETE SET NULL,
    actor_zh      text NOT NULL,
    actor_en      text NOT NULL,
    note          text NOT NULL DEFAULT ''
);
CREATE INDEX assessment_event_assessment ON assessment_event (assessment_id, id);

-- What a grade proposes for a resident; in force only after a person has approved it.
CREATE TABLE care_proposal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id   integer NOT NULL REFERENCES resident,
    assessment_id bigint NOT NULL REFERENCES assessment,
    kind          text NOT NULL CHECK (kind IN ('thresholds', 'escalation', 'service_plan')),
    code          text NOT NULL,                    -- of care_services/assessment/proposals.toml
    content       jsonb NOT NULL,
    state         text NOT NULL DEFAULT 'proposed'
                  CHECK (state IN ('proposed', 'approved', 'declined', 'lapsed')),
    version       integer NOT NULL DEFAULT 1,
    made_at       timestamptz NOT NULL,
    decided_at    timestamptz,
    decided_by    integer REFERENCES account ON DELETE SET NULL,
    decided_zh    text,                             -- NULL with a time: a newer assessment made it lapse
    decided_en    text,
    decision_note text NOT NULL DEFAULT '',
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    UNIQUE (assessment_id, code)
);
CREATE INDEX care_proposal_waiting ON care_proposal (id) WHERE state = 'proposed';
CREATE INDEX care_proposal_resident ON care_proposal (resident_id, kind, id DESC);
