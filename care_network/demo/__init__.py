"""A small district for the demonstration and tests."""
