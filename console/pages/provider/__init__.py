"""Pages of a provider's or canteen's own people: visits, requests, meals, settlements, complaints, findings."""
