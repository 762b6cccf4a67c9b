"""Complaints with a deadline and an answer."""
