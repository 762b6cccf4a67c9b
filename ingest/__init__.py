"""MQTT to the database, exactly once."""
