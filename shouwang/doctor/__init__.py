"""Look at every part of a district with its real identity, and say what is wrong and what to do."""
