"""Drivers of the devices of a home (BLE, Zigbee2MQTT, ESPHome, serial radar), and the parts that they share."""
