"""What the gateway does by itself when nobody in the district answers: see docs/local-alarm.md."""
