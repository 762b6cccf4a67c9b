"""Rights on the tables of the time bank."""

from database.rights.form import Part

PART = Part()
