"""Rosters: people on duty, by place and time, and hours with nobody."""
