"""The command line, and the one place where services are put together."""
