"""Readings from other systems: checked, each once, and handed to ingest by the broker."""
