"""What all of dispatch shares: the history of an alert, its notice, signed links."""
