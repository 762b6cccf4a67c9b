-- How long what is kept; 'shouwang storage retention' changes it.
CREATE TABLE storage (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    raw_for     interval NOT NULL DEFAULT '90 days' CHECK (raw_for >= INTERVAL '4 days'),
    minutes_for interval NOT NULL DEFAULT '730 days' CHECK (minutes_for >= raw_for),
    hours_for   interval NOT NULL DEFAULT '3650 days' CHECK (hours_for >= minutes_for)
);
INSERT INTO storage DEFAULT VALUES;
