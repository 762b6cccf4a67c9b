"""Hashes of passwords in tests: a strong one takes 0.2 s of a core, on purpose, and hundreds of tests log in."""

from argon2 import PasswordHasher, profiles

from care_network.access import passwords

STRONG = passwords._hasher
"""What the platform hashes with outside tests."""


def be_quick() -> None:
    """Hash with the least that argon2 has, in this process."""
    passwords._hasher = PasswordHasher.from_parameters(profiles.CHEAPEST)
