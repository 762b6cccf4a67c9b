"""The time bank: volunteers, requests, and hours in an append-only double-entry ledger."""
