"""Registers brought in from elsewhere: matched by identity number, conflicts shown side by side."""
