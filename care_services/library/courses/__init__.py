"""Courses with a test, attempts, and the certificates that they end with."""
