"""Keep accounts: what a person does with their own, and what administrators change."""
