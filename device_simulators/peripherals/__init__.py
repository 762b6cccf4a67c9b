"""Devices that speak their real protocol: over a pseudo-terminal, a local broker, or the BLE driver's backend."""
