"""Commands that judge and train the detectors."""
