"""Work orders: somebody goes to the door."""
