"""The health of the gateway itself: figures, watchdog, self test, button tests."""
