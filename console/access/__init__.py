"""Alerts, residents, orders and medical notes as far as an account may see them: scope, audit, 404."""
