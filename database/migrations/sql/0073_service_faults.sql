-- What a service has noticed of itself and people have to be told: its host's clock is wrong, gateways send too much.
-- The service keeps the row while it lasts; alerting makes a technical alert of it.
CREATE TABLE service_fault (
    service text NOT NULL,                            -- the worker: 'ingest-0', 'alerting-0'
    kind    text NOT NULL,                            -- 'clock', 'allowance'
    host    text NOT NULL,
    since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (service, kind)
);
