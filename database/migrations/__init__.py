"""The schema as SQL files, put in order by the modules of ``versions``."""
