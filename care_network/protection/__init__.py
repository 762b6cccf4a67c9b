"""What each resident is protected against at this moment, by whom it was seen, and how that changed."""
