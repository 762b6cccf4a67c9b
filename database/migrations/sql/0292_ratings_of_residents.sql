-- A rating says by itself whose care it is about: whether somebody may see it was asked of two million orders.
ALTER TABLE service_rating ADD COLUMN resident_id integer REFERENCES resident;
UPDATE service_rating t SET resident_id = o.resident_id FROM service_order o WHERE o.id = t.order_id;
CREATE FUNCTION service_rating_of() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.resident_id := (SELECT o.resident_id FROM service_order o WHERE o.id = NEW.order_id);
    RETURN NEW;
END $$;
CREATE TRIGGER service_rating_of BEFORE INSERT ON service_rating FOR EACH ROW EXECUTE FUNCTION service_rating_of();
CREATE INDEX service_rating_resident ON service_rating (resident_id);
