"""One-tap matching: find the best person to send to a home."""
