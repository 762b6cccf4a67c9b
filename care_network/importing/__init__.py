"""Import of records in bulk from CSV, XLSX and TOML files."""
