"""Rights on the tables of packages and pushes to other levels."""

from database.rights.form import Part

PART = Part()
