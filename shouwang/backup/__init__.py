"""Backup and restore: what belongs together is saved together, checked, and restored as a drill with measured times."""
