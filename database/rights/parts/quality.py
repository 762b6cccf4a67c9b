"""Rights on the tables of quality control and complaints."""

from database.rights.form import Part

PART = Part()
