-- What follows from a bed: the service plans of its contract, pauses of its grants, money to be reclaimed, reminders.
CREATE TABLE home_bed_service (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id      integer NOT NULL REFERENCES home_bed,
    contract_id integer NOT NULL REFERENCES home_bed_contract, -- the first that has it
    work        text NOT NULL,                            -- of care_network.catalogues.services
    weekly      smallint NOT NULL CHECK (weekly > 0),     -- as the approved plan of the assessment says
    plan_id     integer REFERENCES service_plan ON DELETE SET NULL, -- NULL: none was made, and why
    why_not     text NOT NULL DEFAULT '',
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL,
    UNIQUE (bed_id, work)
);
CREATE UNIQUE INDEX home_bed_service_plan ON home_bed_service (plan_id) WHERE plan_id IS NOT NULL;
CREATE INDEX home_bed_service_contract ON home_bed_service (contract_id);

-- Days for which a grant that is paid each month is not paid: the bed is suspended or closed.
CREATE TABLE grant_pause (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL REFERENCES grant_application,
    bed_id         integer REFERENCES home_bed,
    why            text NOT NULL CHECK (why IN ('suspended', 'closed')),
    from_on        date NOT NULL,                         -- the first day that is not paid
    until_on       date CHECK (until_on >= from_on),      -- the first that is paid again; NULL: nobody knows yet, or none
    at             timestamptz NOT NULL,
    account_id     integer REFERENCES account,
    actor          text NOT NULL
);
CREATE UNIQUE INDEX grant_pause_open ON grant_pause (application_id) WHERE until_on IS NULL;
CREATE INDEX grant_pause_application ON grant_pause (application_id, from_on);
CREATE INDEX grant_pause_bed ON grant_pause (bed_id) WHERE bed_id IS NOT NULL;

-- Money about a grant beside its payments: what came back (positive), what was paid in addition (negative).
CREATE TABLE grant_correction (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL REFERENCES grant_application,
    resident_id    integer NOT NULL REFERENCES resident,
    amount_fen     integer NOT NULL CHECK (amount_fen <> 0),
    note           text NOT NULL CHECK (note <> ''),
    at             timestamptz NOT NULL,
    account_id     integer REFERENCES account,
    actor          text NOT NULL
);
CREATE INDEX grant_correction_application ON grant_correction (application_id);
CREATE INDEX grant_correction_resident ON grant_correction (resident_id);
CREATE INDEX grant_application_ended ON grant_application (pays_until) WHERE pays_until IS NOT NULL;

-- Reminders of contracts that end, 60, 30 and 7 days before: one row a step.
CREATE TABLE home_bed_reminder (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id         integer NOT NULL REFERENCES home_bed,
    contract_until date NOT NULL,
    days           smallint NOT NULL,
    made_at        timestamptz NOT NULL,
    UNIQUE (bed_id, contract_until, days)
);
CREATE INDEX home_bed_contract_ends ON home_bed (contract_until, id) WHERE state IN ('in_service', 'suspended');

-- The test of a device: who does it, and what they reported instead of an acceptance.
ALTER TABLE home_bed_device
    ADD COLUMN test_by    text NOT NULL DEFAULT '',
    ADD COLUMN trouble    text NOT NULL DEFAULT '',
    ADD COLUMN trouble_at timestamptz,
    ADD COLUMN trouble_by text NOT NULL DEFAULT '';

-- The record says whether the resident has a bed, whoever moves the bed: its own steps, or what follows from a death or a
-- move and from its being taken back. The history of records has the account of whoever acts.
CREATE FUNCTION home_bed_of_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE resident SET home_care_bed = NEW.state IN ('in_service', 'suspended'), version = version + 1
    WHERE id = NEW.resident_id AND home_care_bed IS DISTINCT FROM (NEW.state IN ('in_service', 'suspended'));
    RETURN NULL;
END $$;
CREATE TRIGGER home_bed_of_record AFTER UPDATE OF state ON home_bed FOR EACH ROW
    WHEN ((NEW.state IN ('in_service', 'suspended')) <> (OLD.state IN ('in_service', 'suspended')))
    EXECUTE FUNCTION home_bed_of_record();
