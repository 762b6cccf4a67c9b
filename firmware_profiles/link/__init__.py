"""The line to the broker: MQTT over TLS, and the watch over it."""
