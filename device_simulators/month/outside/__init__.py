"""Scenes of the simulated month that were met outside: in public bug reports, and in cases that clinical rules decide.

Each is a kind, drawn anew for each home.
"""
