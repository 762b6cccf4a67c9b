"""The service level: how quickly alerts are answered, and the targets for it."""
