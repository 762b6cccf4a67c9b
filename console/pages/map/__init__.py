"""The map of the district, its data, and the outlines that it draws."""
