"""Meals that are ordered by themselves: which days and which meal, and what could not be ordered."""
