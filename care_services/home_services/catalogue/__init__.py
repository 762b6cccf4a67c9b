"""The catalogue of services at home: what is done, what each provider asks for it, and what is paid by the public."""
