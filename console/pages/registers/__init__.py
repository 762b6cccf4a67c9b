"""Pages of registers, identity numbers, residents who are gone, and the classes of data."""
