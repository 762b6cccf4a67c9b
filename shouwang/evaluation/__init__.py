"""Scores and plots of detectors against known truth."""
