"""Signed configurations: check, trial, roll back."""
