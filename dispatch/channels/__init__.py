"""How people hear of an alert: durable notifications, the channels they travel by, links that answer them."""
