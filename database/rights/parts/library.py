"""Rights on the tables of documents, products and courses."""

from database.rights.form import Part

PART = Part()
