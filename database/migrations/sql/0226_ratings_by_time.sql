-- Means of the last month by provider and person are read by time.
CREATE INDEX service_rating_at ON service_rating (at);
