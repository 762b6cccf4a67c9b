"""Parts of the payload decoders: the table of a device model, SenML units, requests to a glucose meter."""
