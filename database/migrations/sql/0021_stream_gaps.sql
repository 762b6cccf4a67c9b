-- What is missing now: below the highest number that is stored, by the marks and by the events' own numbers; and behind
-- it, up to the number that the gateway says the broker has acknowledged. It was lost on the way, or is late.
CREATE VIEW stream_missing (gateway_id, epoch, stream, missing) AS
WITH numbered AS (
    SELECT gateway_id, epoch, seq, lag(seq) OVER (PARTITION BY gateway_id, epoch ORDER BY seq) AS before
    FROM event WHERE time > now() - interval '6 hours'
), told AS (
    SELECT id AS gateway_id, (status->>'epoch')::bigint AS epoch, head.key AS stream, head.value::bigint AS high
    FROM gateway, jsonb_each_text(coalesce(status->'acknowledged', '{}')) AS head
    WHERE head.key IN ('live', 'backfill', 'events')
), stored AS (
    SELECT told.*, coalesce(CASE stream
        WHEN 'events' THEN (SELECT max(seq) FROM event
                            WHERE (event.gateway_id, event.epoch) = (told.gateway_id, told.epoch))
        ELSE (SELECT known.high FROM ingest_stream AS known
              WHERE (known.gateway_id, known.epoch, known.stream) = (told.gateway_id, told.epoch, told.stream))
        END, 0) AS stored_high
    FROM told
), missing AS (
    SELECT gateway_id, epoch, stream, gaps AS numbers FROM ingest_stream WHERE gaps <> '{}'
    UNION ALL
    SELECT gateway_id, epoch, 'events', int8multirange(int8range(before + 1, seq)) FROM numbered WHERE seq > before + 1
    UNION ALL
    SELECT gateway_id, epoch, stream, int8multirange(int8range(stored_high + 1, high + 1))
    FROM stored WHERE high > stored_high
)
SELECT gateway_id, epoch, stream, range_agg(numbers) FROM missing GROUP BY gateway_id, epoch, stream;

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
