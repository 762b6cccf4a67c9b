-- Device models by the version of their program, and what is in use now: summed by the refresh of the figures.

-- the version that ran for the whole month; null: it changed in the month, or the device told none
ALTER TABLE figure_device ADD COLUMN version text;

CREATE TABLE figure_version (
    month              date NOT NULL,
    area_id            integer NOT NULL REFERENCES area ON DELETE CASCADE,
    model              text NOT NULL,
    version            text NOT NULL,
    devices            integer NOT NULL,
    expected_s         double precision NOT NULL,
    silent_s           double precision NOT NULL,
    unknown_s          double precision NOT NULL,
    false_alerts       integer NOT NULL,             -- of homes in which all of the model ran this version
    low_battery_alerts integer NOT NULL,
    PRIMARY KEY (area_id, model, month, version)
);
CREATE INDEX figure_version_month ON figure_version (month);

CREATE TABLE figure_running (
    area_id       integer NOT NULL REFERENCES area ON DELETE CASCADE,
    model         text NOT NULL,
    of_version    boolean NOT NULL,                  -- false: of all versions together
    version       text NOT NULL,                     -- '': none was told
    devices       integer NOT NULL,
    homes         integer NOT NULL,
    low_now       integer NOT NULL,
    battery_known integer NOT NULL,
    told_at       timestamptz,                       -- when the first of them told it
    counted_at    timestamptz NOT NULL,
    PRIMARY KEY (area_id, model, of_version, version)
);

-- the months of before are counted anew, one by one, by the next refresh
UPDATE figure_mark SET alert_event = 0, call_attempt = 0;
