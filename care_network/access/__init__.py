"""Accounts, and what each of them may see and do."""
