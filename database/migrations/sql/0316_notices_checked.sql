-- The rows that 0315 did not look at: under a lock that lets others read and write.

ALTER TABLE notification VALIDATE CONSTRAINT notification_about;
ALTER TABLE notification VALIDATE CONSTRAINT notification_reason_check;
