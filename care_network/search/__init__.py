"""Search for residents by whatever somebody knows of them: name, sound, telephone, code, place."""
