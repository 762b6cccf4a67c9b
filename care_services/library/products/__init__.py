"""The products in the homes: what each measures, how many are in use, and how reliable they were here."""
