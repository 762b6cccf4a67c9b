"""The commands of care and services, one module a part."""
