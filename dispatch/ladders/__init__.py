"""Escalation policies as data, and the position of each alert on its ladder."""
