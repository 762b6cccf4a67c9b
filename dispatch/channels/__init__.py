"""The delivery service (``shouwang notify``): durable notifications, the messages made of them, and their channels."""
