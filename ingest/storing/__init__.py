"""Batches into the database, each in one transaction."""
