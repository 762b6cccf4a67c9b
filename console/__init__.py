"""The dispatch console: people look and act here."""
