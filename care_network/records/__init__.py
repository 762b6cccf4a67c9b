"""Every record of the network with its rules, versions and audit."""
