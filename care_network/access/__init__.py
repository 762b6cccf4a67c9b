"""Accounts, logins and sessions, and the permissions of each role."""
