"""Services at home: the catalogue, plans, service orders, visits checked in and out, ratings and what they cost."""
