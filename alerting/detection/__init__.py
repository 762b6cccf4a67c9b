"""Turns readings, events and the clock into findings; pure, no I/O."""
