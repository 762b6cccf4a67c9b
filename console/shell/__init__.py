"""The shell of every page: session, permission, security, language, errors, page frame."""
