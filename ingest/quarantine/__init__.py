"""The quarantine: messages that cannot be stored, with the reason and their bytes."""
