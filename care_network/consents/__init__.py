"""The register of consents: purposes as data, what each resident agreed to, and what a withdrawal ends."""
