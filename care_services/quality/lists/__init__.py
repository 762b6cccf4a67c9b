"""Check lists as data: one TOML file for each sort of service."""
