"""A person's routine at home: where somebody is, and what is usual at this hour."""
