"""Prepare a machine for a district: identities, keys, settings, units, users and SQL, made from a few answers."""
