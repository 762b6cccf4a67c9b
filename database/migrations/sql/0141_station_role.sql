-- Accounts of street elder centers and community stations.

ALTER TABLE account
    DROP CONSTRAINT account_role_check,
    ADD CONSTRAINT account_role_check CHECK (role IN ('admin', 'dispatcher', 'station', 'carer', 'family'));
