"""The program on a home gateway."""
