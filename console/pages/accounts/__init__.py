"""Accounts for administrators: list, one account, who may do what."""
