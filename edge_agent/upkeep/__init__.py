"""Upkeep of the gateway itself: health figures, watchdog, self test, button tests, watch on clock and disk."""
