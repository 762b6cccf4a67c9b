-- Home care beds: one row a bed from its application to its closing; every step of it is a line that nobody changes.
CREATE TABLE home_bed (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id     integer NOT NULL REFERENCES resident,
    organisation_id integer REFERENCES organisation,      -- carries it; NULL: not decided
    state           text NOT NULL DEFAULT 'applied' CHECK (state IN ('applied', 'assessing', 'surveying', 'planning',
                    'installing', 'contracting', 'in_service', 'suspended', 'closed', 'refused', 'withdrawn')),
    state_since     timestamptz NOT NULL,
    due_at          timestamptz,                          -- the deadline of the present stage; NULL: it has none
    applied_at      timestamptz NOT NULL,
    applicant       text NOT NULL,                        -- the resident, or who asked for them
    ability_grade   text CHECK (ability_grade IN ('intact', 'mild', 'moderate', 'severe', 'lost')), -- taken over in the stage of the assessment
    next_check_on   date,                                 -- quality check; NULL: not in service
    contract_until  date,                                 -- of the newest contract
    version         integer NOT NULL DEFAULT 1
);
-- At most one bed of a person is on its way or in service.
CREATE UNIQUE INDEX home_bed_one ON home_bed (resident_id) WHERE state NOT IN ('closed', 'refused', 'withdrawn');
CREATE INDEX home_bed_resident ON home_bed (resident_id);
CREATE INDEX home_bed_stage ON home_bed (state, due_at, id);
CREATE INDEX home_bed_organisation ON home_bed (organisation_id);

CREATE TABLE home_bed_step (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id     integer NOT NULL REFERENCES home_bed,
    at         timestamptz NOT NULL,
    step       text NOT NULL,
    from_state text NOT NULL DEFAULT '',
    to_state   text NOT NULL,
    account_id integer REFERENCES account,
    actor      text NOT NULL,                             -- as the account was called then
    origin     text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX home_bed_step_bed ON home_bed_step (bed_id, id);

-- The list of the home survey: what is there, what is needed, what the family refused, what has been done.
CREATE TABLE home_bed_survey (
    bed_id integer NOT NULL REFERENCES home_bed,
    item   text NOT NULL,                                 -- a code of survey.toml
    state  text NOT NULL CHECK (state IN ('present', 'needed', 'refused', 'done')),
    note   text NOT NULL DEFAULT '',
    at     timestamptz NOT NULL,
    actor  text NOT NULL,
    PRIMARY KEY (bed_id, item)
);

-- Devices planned for a room. One is accepted by what was heard of it after its test began, or by a person with a reason.
CREATE TABLE home_bed_device (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id          integer NOT NULL REFERENCES home_bed,
    room            text NOT NULL,
    model           text NOT NULL,                        -- a device model
    note            text NOT NULL DEFAULT '',
    device_id       integer REFERENCES device ON DELETE SET NULL, -- the one that was installed for it
    test_began_at   timestamptz,
    newest_before   timestamptz,                          -- the newest reading or event when the test began: a clock that is ahead proves nothing
    accepted_at     timestamptz,
    accepted_by     text NOT NULL DEFAULT '',
    accepted_how    text CHECK (accepted_how IN ('heard', 'person')),
    accepted_reason text NOT NULL DEFAULT '',
    heard_at        timestamptz,                          -- the reading or event by which it was accepted
    heard_what      text NOT NULL DEFAULT '',             -- its channel or kind
    heard_value     real,                                 -- NULL: an event
    removed_at      timestamptz,                          -- taken out of the plan
    CHECK ((accepted_at IS NULL) = (accepted_how IS NULL)),
    CHECK (accepted_how <> 'heard' OR heard_at > test_began_at),
    CHECK (accepted_how <> 'person' OR accepted_reason <> '')
);
CREATE INDEX home_bed_device_bed ON home_bed_device (bed_id, id);
CREATE UNIQUE INDEX home_bed_device_once ON home_bed_device (device_id) WHERE removed_at IS NULL AND device_id IS NOT NULL;

CREATE TABLE home_bed_contract (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id       integer NOT NULL REFERENCES home_bed,
    number       text NOT NULL UNIQUE,
    begins_on    date NOT NULL,
    ends_on      date NOT NULL CHECK (ends_on > begins_on),
    plan         text NOT NULL,                           -- a code of plans.toml
    visits_month smallint NOT NULL CHECK (visits_month > 0),
    hours_month  smallint NOT NULL CHECK (hours_month > 0),
    signed_at    timestamptz NOT NULL,
    signed_by    text NOT NULL
);
CREATE INDEX home_bed_contract_bed ON home_bed_contract (bed_id, id);

CREATE TABLE home_bed_check (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bed_id   integer NOT NULL REFERENCES home_bed,
    due_on   date NOT NULL,
    done_at  timestamptz NOT NULL,
    done_by  text NOT NULL,
    result   text NOT NULL CHECK (result IN ('good', 'mend')),
    findings text NOT NULL DEFAULT ''
);
CREATE INDEX home_bed_check_bed ON home_bed_check (bed_id, id);

-- Equipment and assistive devices of an organisation.
CREATE TABLE equipment_item (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL,                        -- a code of kinds.toml
    serial          text NOT NULL CHECK (serial <> ''),
    organisation_id integer NOT NULL REFERENCES organisation,
    state           text NOT NULL DEFAULT 'stock' CHECK (state IN ('stock', 'lent', 'repair', 'scrapped')),
    condition       text NOT NULL DEFAULT 'good' CHECK (condition IN ('good', 'worn', 'damaged')),
    added_on        date NOT NULL,
    note            text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    UNIQUE (kind, serial)
);
CREATE INDEX equipment_item_stock ON equipment_item (organisation_id, kind, state);

CREATE TABLE equipment_loan (
    id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id            integer NOT NULL REFERENCES equipment_item,
    resident_id        integer NOT NULL REFERENCES resident,
    bed_id             integer REFERENCES home_bed,       -- the bed that it belongs to, where it does
    lent_at            timestamptz NOT NULL,
    lent_by            text NOT NULL,
    due_on             date NOT NULL,
    returned_at        timestamptz,
    returned_by        text NOT NULL DEFAULT '',
    returned_condition text CHECK (returned_condition IN ('good', 'worn', 'damaged', 'lost')),
    note               text NOT NULL DEFAULT '',
    CHECK ((returned_at IS NULL) = (returned_condition IS NULL))
);
-- Nobody lends an item twice.
CREATE UNIQUE INDEX equipment_loan_once ON equipment_loan (item_id) WHERE returned_at IS NULL;
CREATE INDEX equipment_loan_item ON equipment_loan (item_id, id);
CREATE INDEX equipment_loan_resident ON equipment_loan (resident_id);
CREATE INDEX equipment_loan_bed ON equipment_loan (bed_id);
CREATE INDEX equipment_loan_due ON equipment_loan (due_on, id) WHERE returned_at IS NULL;

CREATE TABLE equipment_step (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id    integer NOT NULL REFERENCES equipment_item,
    at         timestamptz NOT NULL,
    step       text NOT NULL,
    to_state   text NOT NULL,
    account_id integer REFERENCES account,
    actor      text NOT NULL,
    origin     text NOT NULL DEFAULT '',
    loan_id    integer REFERENCES equipment_loan,
    reason     text NOT NULL DEFAULT ''
);
CREATE INDEX equipment_step_item ON equipment_step (item_id, id);

-- Grants: money that is applied for, settled by rules or by a person.
CREATE TABLE grant_application (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL,                          -- a code of care_services.grants.kinds
    resident_id   integer NOT NULL REFERENCES resident,
    bed_id        integer REFERENCES home_bed,
    state         text NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'withdrawn')),
    applicant     text NOT NULL,
    applied_at    timestamptz NOT NULL,
    form          jsonb NOT NULL DEFAULT '{}',            -- what the form itself states
    facts         jsonb NOT NULL DEFAULT '{}',            -- as they were when it was decided, or looked at last
    missing       text[] NOT NULL DEFAULT '{}',           -- facts that are unknown and could change the answer
    settled_by    text CHECK (settled_by IN ('rules', 'person')),
    rule          text NOT NULL DEFAULT '',               -- its code
    rule_version  integer,                                -- of the book of rules; 0: the rules that come with the program
    reason_zh     text NOT NULL DEFAULT '',
    reason_en     text NOT NULL DEFAULT '',
    amount_fen    integer CHECK (amount_fen > 0),
    per           text CHECK (per IN ('once', 'month')),
    pays_from     date,                                   -- the first day of its first month
    pays_until    date,                                   -- the first day of the month from which on it is no longer paid
    decided_at    timestamptz,
    due_at        timestamptz,                            -- by which a person decides
    version       integer NOT NULL DEFAULT 1,
    CHECK ((state = 'approved') = (amount_fen IS NOT NULL AND per IS NOT NULL AND pays_from IS NOT NULL)),
    CHECK ((state IN ('approved', 'refused')) = (settled_by IS NOT NULL AND decided_at IS NOT NULL))
);
CREATE UNIQUE INDEX grant_application_open ON grant_application (resident_id, kind) WHERE state = 'waiting';
CREATE INDEX grant_application_resident ON grant_application (resident_id, kind);
CREATE INDEX grant_application_waiting ON grant_application (due_at, id) WHERE state = 'waiting';
CREATE INDEX grant_application_newest ON grant_application (applied_at DESC, id DESC);
CREATE INDEX grant_application_paid ON grant_application (pays_from, id) WHERE state = 'approved';
CREATE INDEX grant_application_bed ON grant_application (bed_id);

CREATE TABLE grant_step (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL REFERENCES grant_application,
    at             timestamptz NOT NULL,
    step           text NOT NULL,
    to_state       text NOT NULL,
    account_id     integer REFERENCES account,
    actor          text NOT NULL,                         -- the account, or the rules
    origin         text NOT NULL DEFAULT '',
    reason         text NOT NULL DEFAULT '',
    detail         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX grant_step_application ON grant_step (application_id, id);

-- What was settled for a month: written once, never changed.
CREATE TABLE grant_payment (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month          date NOT NULL CHECK (date_trunc('month', month) = month),
    application_id integer NOT NULL REFERENCES grant_application,
    resident_id    integer NOT NULL REFERENCES resident,
    amount_fen     integer NOT NULL CHECK (amount_fen > 0),
    settled_at     timestamptz NOT NULL,
    settled_by     text NOT NULL,
    UNIQUE (month, application_id)
);
CREATE INDEX grant_payment_resident ON grant_payment (resident_id);
CREATE INDEX grant_payment_application ON grant_payment (application_id);
