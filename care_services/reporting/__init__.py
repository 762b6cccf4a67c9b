"""Packages and pushes to the levels above and beside: once, in order, with a trace of what was told to whom."""
