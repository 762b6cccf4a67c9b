"""Passwords: the rules for new ones, and argon2id hashes (RFC 9106, the low-memory recommendation of argon2-cffi)."""

import secrets
from functools import cache

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from care_network.errors import ProvisioningError

SHORTEST = 10
LONGEST = 256
"""In characters; without a limit a password of a megabyte would keep the hash function busy."""

_hasher = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


def check_new(password: str, login: str) -> None:
    """Check a new password: its length, not the kinds of its characters (NIST SP 800-63B, 3.1.1.2).

    Raises ProvisioningError where it is too short or too long, the login itself, or of fewer than four different
    characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ProvisioningError(
            en=f"a password has {SHORTEST} to {LONGEST} characters, this one {len(password)}",
            zh=f"密码须为 {SHORTEST} 至 {LONGEST} 个字符，此密码有 {len(password)} 个",
        )
    if password.lower() == login.lower() or len(set(password)) < 4:
        raise ProvisioningError(
            en="this password is guessed at once: take several words, or generate one",
            zh="此密码极易被猜中：请用几个词组成，或随机生成",
        )


def hash_password(password: str) -> str:
    """Hash a password with argon2id; the text holds parameters and salt. Takes 64 MiB and some 50 ms, on purpose."""
    return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether the password fits. An unknown login (no stored hash) takes the same time, so that it can not be told."""
    if len(password) > LONGEST:
        password = ""
    try:
        _hasher.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_hex(16))
