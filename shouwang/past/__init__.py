"""The simulated first days of a demonstration: readings, alerts that were closed, visits, hand-overs."""
