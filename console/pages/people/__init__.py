"""Residents: the list, the search, one resident's page."""
