"""Rights on the tables of services at home."""

from database.rights.form import Part

PART = Part()
