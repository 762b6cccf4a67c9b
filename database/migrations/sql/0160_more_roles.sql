-- Accounts of desk leads, center managers, auditors and other systems.

ALTER TABLE account
    DROP CONSTRAINT account_role_check,
    ADD CONSTRAINT account_role_check CHECK (
        role IN ('admin', 'dispatcher', 'lead', 'manager', 'station', 'carer', 'family', 'auditor', 'machine'));
