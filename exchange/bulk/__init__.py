"""Bulk export: many residents as NDJSON files, made beside the requests."""
