"""What the desk does besides the state of an alert: calls, hand-over, groups, statistics."""
