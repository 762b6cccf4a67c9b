"""Plans of services for one resident, and the service orders that are made of them ahead of time."""
