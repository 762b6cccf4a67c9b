"""Commands and signed configurations for gateways."""
