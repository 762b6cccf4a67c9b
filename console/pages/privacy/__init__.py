"""Pages of privacy: consents, copies of a person's data, erasure, research without names, retention and duties."""
