"""What detection and the rest of alerting share: the finding."""
