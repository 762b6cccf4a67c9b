-- Readings that came long after they were measured, by the home and the quarter of an hour in which they were stored: who asks
-- for what is new since a moment is told of them, too. A reading itself does not keep when it was stored.

CREATE TABLE late_arrival (
    gateway_id integer NOT NULL,                 -- no reference: written with every late batch
    arrived    timestamptz NOT NULL,             -- begin of the quarter of an hour
    first      timestamptz NOT NULL,             -- of the times of measurement
    last       timestamptz NOT NULL,
    PRIMARY KEY (gateway_id, arrived)
);
CREATE INDEX late_arrival_arrived ON late_arrival (arrived);
