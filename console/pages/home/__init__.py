"""Pages at home: of the family, and of the resident."""
