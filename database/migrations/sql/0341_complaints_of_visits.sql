-- A complaint knows the visit that it is about, and is found by its number.
ALTER TABLE complaint ADD COLUMN order_id bigint REFERENCES service_order ON DELETE SET NULL;
CREATE INDEX complaint_order ON complaint (order_id) WHERE order_id IS NOT NULL;
