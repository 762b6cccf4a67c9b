"""Pages of packages for other levels, their receivers and the log of what was sent."""
