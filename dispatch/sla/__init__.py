"""The service level: how quickly alerts are answered, measured against targets."""
