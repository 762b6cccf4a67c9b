"""The pieces that detectors are built from."""
