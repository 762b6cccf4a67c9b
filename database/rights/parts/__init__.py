"""The rights on the tables of each part of care and services, one module a part."""
