"""Rights of the services in the database, and the seal of what may only be added."""
