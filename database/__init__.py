"""The district's database: connections, schema, roll-ups, retention."""
