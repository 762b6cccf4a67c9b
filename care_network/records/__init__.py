"""All records of the care network, with their rules, versions and audit."""
