-- Rules that are data, by version; what is known of residents beyond their record, with evidence; more kinds of places.
CREATE TABLE rule_book (
    subject    text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    text       text NOT NULL,                    -- TOML
    valid_from date NOT NULL,
    note       text NOT NULL DEFAULT '',
    account_id integer REFERENCES account,
    set_at     timestamptz NOT NULL,
    PRIMARY KEY (subject, version)
);

CREATE TABLE resident_trait (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id integer NOT NULL REFERENCES resident ON DELETE CASCADE,
    trait       text NOT NULL,
    holds       boolean NOT NULL,                -- false: it was looked into, and is not so
    valid_from  date NOT NULL,
    valid_until date,                            -- the first day on which it is no more
    evidence    text NOT NULL,
    account_id  integer REFERENCES account,
    set_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX resident_trait_now ON resident_trait (resident_id, trait) WHERE valid_until IS NULL;
CREATE INDEX resident_trait_resident ON resident_trait (resident_id, valid_from);

ALTER TABLE organisation
    DROP CONSTRAINT organisation_kind_check,
    ADD CONSTRAINT organisation_kind_check CHECK (kind IN (
        'district_center', 'street_elder_center', 'community_station', 'compound_point', 'home_care_bed_team',
        'medical_partner', 'service_provider', 'canteen', 'volunteer_group'));
