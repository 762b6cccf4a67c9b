"""Fixed lists: skills and certificates, ability grades, kinds of service."""
