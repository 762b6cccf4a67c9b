"""Adapters, one file a channel: hand a message to its peer; errors tell whether to try again."""
