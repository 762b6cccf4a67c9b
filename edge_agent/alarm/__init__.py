"""The local alarm: the gateway calls for help by itself when the district does not answer (docs/local-alarm.md)."""
