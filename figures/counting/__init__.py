"""The refresh of the roll-ups: it counts a month from the base tables."""
