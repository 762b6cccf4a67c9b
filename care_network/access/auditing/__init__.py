"""The audit: what its lines say, how they are sought, whether the chain over them is whole."""
