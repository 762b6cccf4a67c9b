"""Rights on the tables of the ability assessment."""

from database.rights.form import Part

PART = Part()
