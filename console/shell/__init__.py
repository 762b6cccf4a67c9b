"""What every page needs: session, security, language, page frame."""
