"""Commands that write simulated data."""
