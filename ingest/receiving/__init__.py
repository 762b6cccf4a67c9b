"""Messages from the broker, bounded and in batches."""
