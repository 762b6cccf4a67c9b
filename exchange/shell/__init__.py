"""Common to all doors: who asks, how much, how errors are said, and the bounds of a request."""
