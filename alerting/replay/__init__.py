"""Recorded data through the detection core: what it would have said, when, and why. See ``docs/replay.md``."""
