"""MQTT brokers: configuration, certificates, local servers."""
