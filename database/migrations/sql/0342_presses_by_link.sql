-- A press by the link of a visit has no account: the person is named by the order and its history.
ALTER TABLE service_press ALTER COLUMN account_id DROP NOT NULL;
