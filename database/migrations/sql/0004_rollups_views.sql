-- Roll-ups by minute and hour, computed when asked: always right, late data included.
CREATE VIEW reading_minute AS
SELECT series_id, date_bin(INTERVAL '1 minute', time, TIMESTAMPTZ 'epoch') AS time,
       count(*) AS n, avg(value)::real AS mean, min(value) AS low, max(value) AS high
FROM reading GROUP BY 1, 2;

CREATE VIEW reading_hour AS
SELECT series_id, date_bin(INTERVAL '1 hour', time, TIMESTAMPTZ 'epoch') AS time,
       count(*) AS n, avg(value)::real AS mean, min(value) AS low, max(value) AS high
FROM reading GROUP BY 1, 2;
