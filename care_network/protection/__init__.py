"""The protection picture: against what each resident is protected now, why not, and how that changed."""
