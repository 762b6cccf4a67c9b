"""Looks taken from time to time: visits that nobody came to, deadlines that passed, what ends soon."""
