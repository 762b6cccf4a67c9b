"""Escalation policies as data, and the position of an alert on its ladder."""
