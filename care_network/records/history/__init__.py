"""The history of records: what was changed by whom, how a record was at a moment, and a change taken back."""
