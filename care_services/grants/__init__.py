"""Subsidies and applications that rules settle at once, with the reason; the rest goes to a person."""
