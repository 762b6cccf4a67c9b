"""Service orders: their states, their history, and who goes."""
