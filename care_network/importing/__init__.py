"""Records in bulk from CSV, XLSX and TOML files."""
