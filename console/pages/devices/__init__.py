"""Pages of gateways and devices: list, one gateway, pairing, replacing, retiring, configuration, self test."""
