-- The rows of before 0157 keep to its rule: an order that is off is one more reason.

ALTER TABLE notification VALIDATE CONSTRAINT notification_reason_check;
