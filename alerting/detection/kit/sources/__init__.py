"""Tells the devices of one person and channel apart: where each sits, which to believe, what stands in doubt."""
