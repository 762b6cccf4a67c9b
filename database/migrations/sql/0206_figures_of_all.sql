-- Figures that leave nobody out: alerts that still wait are part of the times, every device has a line of its own, and a
-- month in which the district began is told from a whole one.

ALTER TABLE figure_time
    ADD COLUMN waiting integer NOT NULL DEFAULT 0,      -- not reached: with the time that they have waited so far
    ADD COLUMN p50_over boolean NOT NULL DEFAULT false, -- so many wait that it is longer than p50_s
    ADD COLUMN p90_over boolean NOT NULL DEFAULT false;

ALTER TABLE figure_device
    ADD COLUMN since     timestamptz NOT NULL DEFAULT '-infinity', -- in service, within the month
    ADD COLUMN unknown_s double precision NOT NULL DEFAULT 0,      -- nobody looked
    ADD COLUMN never     boolean NOT NULL DEFAULT false;           -- its home was never heard: all of it is unknown
CREATE INDEX figure_device_silent ON figure_device (month, model) WHERE silent_s > 0;

ALTER TABLE figure_month ADD COLUMN until timestamptz;  -- its devices are counted up to here
ALTER TABLE figure_mark ADD COLUMN began_at timestamptz; -- the first home, alert or look; NULL: nothing yet

-- all of it is counted anew: what was counted so far is right, and has no such columns
DELETE FROM figure_mark;
UPDATE figure_month SET until = least(counted_at, (month + INTERVAL '1 month') AT TIME ZONE 'Asia/Shanghai');
