"""Pages of professionals: search, one person, who may be sent where, certificates that end, figures."""
