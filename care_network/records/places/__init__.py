"""Where areas, homes and organisations lie, for the map."""
