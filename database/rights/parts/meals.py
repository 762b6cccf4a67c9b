"""Rights on the tables of meals."""

from database.rights.form import Part

PART = Part()
