"""The rights of a person over their data: consents, a copy, erasure, research without names, retention by class."""
