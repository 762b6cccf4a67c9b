"""The time that the gateway writes, and how far it can be trusted."""
