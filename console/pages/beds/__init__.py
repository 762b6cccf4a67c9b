"""Home care beds, equipment and grants."""
