-- Quarantine that a storm can not fill, what waits for pairing, and the bookkeeping of the doors without numbers.

-- A settled entry is history: the same bytes may be refused again, and are a new entry then.
ALTER TABLE quarantine DROP CONSTRAINT quarantine_sha256_code_topic_key;
CREATE UNIQUE INDEX quarantine_open ON quarantine (sha256, code, topic) WHERE settled_at IS NULL;
CREATE INDEX quarantine_open_gateway ON quarantine (gateway, code) WHERE settled_at IS NULL;

ALTER TABLE quarantine
    ADD COLUMN readings        bigint NOT NULL DEFAULT 0, -- in the payload, where that is known
    ADD COLUMN folded          bigint NOT NULL DEFAULT 0, -- later refusals of this gateway and code: counted, bytes not kept
    ADD COLUMN folded_readings bigint NOT NULL DEFAULT 0;

UPDATE quarantine SET code = CASE WHEN reason LIKE '%ahead%' THEN 'time ahead' ELSE 'time too old' END
WHERE code = 'impossible time';

-- Gateways and devices that were heard and are not registered: what a person may want to pair.
CREATE TABLE pairing (
    gateway  text NOT NULL,
    device   text NOT NULL,                      -- '': the gateway itself is unknown
    channels text[] NOT NULL DEFAULT '{}',
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    times    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (gateway, device)
);

-- Every change of ingest's marks raises the version: whoever decided on an older one must decide anew.
ALTER TABLE ingest_stream ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- When a SenML pack with relative times came first: delivered again, it means the same times.
CREATE TABLE senml_arrival (
    gateway_id integer NOT NULL REFERENCES gateway,
    sha256     bytea NOT NULL,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (gateway_id, sha256)
);
CREATE INDEX senml_arrival_time ON senml_arrival (arrived_at);
