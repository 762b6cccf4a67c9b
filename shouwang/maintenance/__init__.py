"""The process of maintenance: roll-ups and retention of readings, the feed for the city, and the figures."""
