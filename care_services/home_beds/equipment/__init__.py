"""Equipment and assistive devices: kinds, items with serial numbers in stock, lending and return."""
