"""Sees, decides, tells: the detection core, the service around it, replay and tuning."""
