"""Gateways, devices and the intake as people see them and work on them: with permission, area and audit."""
