"""Counts of what was, by area and month: coverage, beds, alerts, times, devices, staff, and what is to be expected."""
