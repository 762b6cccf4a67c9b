"""PostgreSQL servers that this program starts itself."""
