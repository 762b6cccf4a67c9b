"""The faults of the drills, one module a kind."""
