"""Rights on the tables of consents, copies, erasure and research."""

from database.rights.form import Part

PART = Part()
