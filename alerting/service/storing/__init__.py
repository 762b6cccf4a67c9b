"""The forms in which a finding may be written, the memory of those that were, and what is missing of them."""
