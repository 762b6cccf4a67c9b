"""The database of care professionals: certificates, courses, hours, ratings, and who may be sent where."""
