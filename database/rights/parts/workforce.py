"""Rights on the tables of the database of care professionals."""

from database.rights.form import Part

PART = Part()
