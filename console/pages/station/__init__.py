"""Pages of a street elder center and a community station, and the protection picture of every level."""
