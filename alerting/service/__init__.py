"""The alerting process: MQTT in, notices out, the database afterwards."""
