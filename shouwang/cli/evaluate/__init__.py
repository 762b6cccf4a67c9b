"""Commands that judge the detectors."""
