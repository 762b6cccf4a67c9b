"""Pack readings that are older than a day, at the grades without compression of their own."""
