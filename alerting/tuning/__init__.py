"""Parameters and pauses that people set for the detectors."""
