"""Records as lists and forms: the words of their fields, pages of a list by key, and what belongs to what."""
