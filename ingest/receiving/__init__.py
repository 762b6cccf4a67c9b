"""Messages from the broker: bounded in memory, fair among the gateways."""
