-- An event of a gateway whose clock is wrong is stored at the time of its arrival, marked by the time that it gave.
ALTER TABLE event ADD COLUMN told_us bigint;          -- µs since 1970 by the gateway's clock, where that can not be right
