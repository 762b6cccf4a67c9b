"""Rows by which programs tell what they see of the platform itself."""
