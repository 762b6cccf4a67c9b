"""Rights on the tables of rules that are data, and traits of residents."""

from database.rights.form import Part

PART = Part()
