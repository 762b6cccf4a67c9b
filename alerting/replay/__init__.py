"""Plays recorded data through the detection core, to show its alerts and their reasons."""
