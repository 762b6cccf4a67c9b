"""Pages of everybody: login, password, push messages, the outbox of the demonstration."""
