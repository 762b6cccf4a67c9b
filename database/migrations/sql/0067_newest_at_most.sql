-- Streams that are older than this column, or began it with something late: nothing stored of them began after their last
-- change (but for a clock that is ahead), so that no repetition is taken for a number given for a second time. The version
-- tells an ingest that runs.
UPDATE ingest_stream
SET newest_us = greatest(newest_us, (extract(epoch FROM updated_at) * 1000000)::bigint), version = version + 1;
