"""Requests that one service carries out for another, and how storage is measured and foretold."""
