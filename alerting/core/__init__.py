"""The finding, which detection and the rest of alerting share."""
