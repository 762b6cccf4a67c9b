"""The doors for other systems, in a process of their own: FHIR, Nightscout, bulk export, webhooks."""
