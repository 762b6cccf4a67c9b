"""The faults of the drills, one module a kind. Each inflicts its fault on a place and returns when it is over."""
