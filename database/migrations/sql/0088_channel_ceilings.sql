-- When a channel last handed its peer as many messages in a minute as its ceiling allows.
CREATE TABLE channel_ceiling (
    channel    text PRIMARY KEY,
    reached_at timestamptz NOT NULL,
    times      bigint NOT NULL DEFAULT 1  -- looks that found it at the ceiling, since the table was made
);
-- What a channel handed to its peer in the last minute is counted before each claim.
CREATE INDEX delivery_attempt_started ON delivery_attempt (channel, started_at);
