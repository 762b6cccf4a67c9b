"""Standards and procedures: versions that never change, who has to read them, and who has confirmed it."""
