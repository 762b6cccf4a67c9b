"""Simulated homes and devices: a home in real time, devices with their real protocols, a month of a district."""
