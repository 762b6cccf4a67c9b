"""The pages of the time bank: overview, volunteers, requests, rounds, statements and the ledger."""
