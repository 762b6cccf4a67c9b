"""Rights on the tables of registers and identity numbers."""

from database.rights.form import Part

PART = Part()
