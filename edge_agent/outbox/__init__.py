"""The outbox: frames and events on disk until the broker has acknowledged them, and for a while afterwards."""
