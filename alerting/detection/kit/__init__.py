"""The parts that detectors are built from."""
