"""Measure the wing of care and services at the size of the district: its data, its pages, its long jobs."""
