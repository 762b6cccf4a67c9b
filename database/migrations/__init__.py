"""The schema, as SQL files; the modules of ``versions`` only put them in order."""
