-- What is missing now, by the marks that are stored with the readings, and by the numbers of the events. A number below
-- the highest of its stream that never came was lost on the way, or is late.
CREATE VIEW stream_missing (gateway_id, epoch, stream, missing) AS
SELECT gateway_id, epoch, stream, gaps FROM ingest_stream WHERE gaps <> '{}'
UNION ALL
SELECT gateway_id, epoch, 'events', range_agg(int8range(before + 1, seq))
FROM (
    SELECT gateway_id, epoch, seq, lag(seq) OVER (PARTITION BY gateway_id, epoch ORDER BY seq) AS before
    FROM event WHERE time > now() - interval '6 hours'
) AS numbered
WHERE seq > before + 1
GROUP BY gateway_id, epoch;

CREATE INDEX ingest_stream_gaps ON ingest_stream (gateway_id) WHERE gaps <> '{}';

-- The story of each gap: when it was seen, how often the gateway was asked for it, how it ended.
CREATE TABLE stream_gap (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
    epoch      bigint NOT NULL,
    stream     text NOT NULL CHECK (stream IN ('live', 'backfill', 'events')),
    numbers    int8range NOT NULL CHECK (NOT isempty(numbers)),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'asked', 'repaired', 'lost')),
    asks       integer NOT NULL DEFAULT 0,
    ask_after  timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    note       text NOT NULL DEFAULT '',
    CHECK ((state IN ('repaired', 'lost')) = (settled_at IS NOT NULL))
);
CREATE INDEX stream_gap_unsettled ON stream_gap (gateway_id, epoch, stream) WHERE state <> 'repaired';
