"""Encrypted medical notes and their keys."""
