"""Steps all detectors through event time and decides which findings become alerts."""
