"""Meals for the elderly: weekly menus, orders until a deadline, allergies, subsidies and the round of delivery."""
