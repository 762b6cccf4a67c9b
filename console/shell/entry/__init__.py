"""Let people in: the queue of logins, their devices in words, the password that is asked for again."""
