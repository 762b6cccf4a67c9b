"""The demonstration: some of everything, so that each page has something to show."""
