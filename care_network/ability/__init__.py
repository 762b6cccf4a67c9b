"""The grade of ability by which a resident's alerts may climb another ladder, as a person approved it."""
