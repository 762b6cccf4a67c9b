"""Residents, homes, organisations, staff, rosters, devices and accounts."""
