"""All records of the care network, with their rules, versions and audit, and a resident's readings for charts."""
