"""Drills: a platform of its own under load, one fault after the other, and an account from gateway to telephone."""
