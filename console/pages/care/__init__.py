"""The front page of care and services, and the rules that are data."""
