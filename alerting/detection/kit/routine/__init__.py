"""A person's routine at home: whereabouts, and the usual times and amounts."""
