"""Pages of other systems: tokens, webhooks with their deliveries, consents."""
