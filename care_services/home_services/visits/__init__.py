"""Visits at the door: check-in and check-out, codes of homes, ratings, planned against done."""
