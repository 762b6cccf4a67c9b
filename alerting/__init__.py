"""Detects emergencies in the homes' data and raises alerts: detection, the service around it, replay and tuning."""
