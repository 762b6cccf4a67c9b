"""The errors of the database folder."""


class DatabaseError(Exception):
    """Something the operator of the database must look at; the text says what and how."""
