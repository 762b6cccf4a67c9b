"""The sections of the decision page and the lists behind their figures, read from the roll-ups."""
