"""Rights on the tables of home care beds, equipment and grants."""

from database.rights.form import Part

PART = Part()
