"""Webhooks: alerts told to other systems, signed, in order, until they are taken."""
