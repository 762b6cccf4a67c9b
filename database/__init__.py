"""Connections, migrations, roll-ups and retention."""
