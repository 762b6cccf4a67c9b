"""From the broker to the engine: messages taken in the order of their urgency, decoded, and heard."""
