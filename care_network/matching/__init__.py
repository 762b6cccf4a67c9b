"""Who should go: the nearest free person with the right skills."""
