"""The process of what has to move on without a person: work orders, the protection picture, the rounds of care."""
