"""FHIR R4: residents, devices, observations and alerts as other systems read them."""
