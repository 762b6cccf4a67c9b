"""Shared ground of dispatch: the history of an alert, its notice, signed links, faults for the log."""
