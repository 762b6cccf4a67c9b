-- How full each broker's store is, as the follower beside it sees it.

CREATE TABLE broker_store (
    broker  text PRIMARY KEY,                    -- the machine's name
    bytes   bigint NOT NULL,
    bound   bigint NOT NULL,
    seen_at timestamptz NOT NULL
);
