"""One tap: a resident or family asks, and the best provider is matched and confirmed."""
