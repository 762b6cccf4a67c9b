"""Technical alerts about the platform itself: its clocks, its refusals, its connection."""
