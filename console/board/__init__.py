"""The live list of open alerts, fed by MQTT and the database."""
