-- A note at the counter that is taken back: the meal is as it was before, brought home or not.

ALTER TABLE meal_order_event ADD COLUMN from_state text, ADD COLUMN from_mode text;
