"""The quarantine: messages that can not be stored, with the reason and their bytes."""
