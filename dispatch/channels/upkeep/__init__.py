"""The channels as whoever keeps them running sees them: kinds in words, figures, test messages."""
