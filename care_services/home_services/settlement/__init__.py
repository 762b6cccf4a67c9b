"""The settlement of a month with a provider: frozen, and corrected in a later one."""
