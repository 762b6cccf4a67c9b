"""A fictional district for the demonstration and tests."""
