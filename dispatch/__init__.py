"""The life of an alert once it is raised, until the outcome is recorded."""
