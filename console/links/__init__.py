"""Pages for people without a login: each is reached by a signed link in a message."""
