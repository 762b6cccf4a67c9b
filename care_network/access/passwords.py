"""Passwords: the rules for new ones, and argon2id hashes (RFC 9106, the low-memory recommendation of argon2-cffi)."""

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from care_network.errors import ProvisioningError
from vocabulary.text import clean_text

SHORTEST = 12
"""In characters (ASVS 4.0.3, 2.1.1)."""
LONGEST = 256
"""Without a limit a password of a megabyte would keep the hash function busy."""

LEAST_GUESSES = 10**6
"""Fewer are "very guessable" to zxcvbn: they fall to throttled guesses from many machines (Wheeler: zxcvbn, USENIX
Security 2016). The 30,000 breached passwords that it has are far below."""
LONGEST_JUDGED = 72
"""Characters that are judged: the time that it takes grows with the square, and no longer ones are guessed."""
AT_ONCE = 2
"""Hashes that are made at one time; each takes 64 MiB and four threads."""

_hasher = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
_CLEAR = "abcdefghjkmnpqrstuvwxyz23456789"
_slots = threading.BoundedSemaphore(AT_ONCE)


def check_new(password: str, login: str) -> None:
    """Check a new password: its length, and whether it is among the breached or easily guessed ones, not the kinds of
    its characters (NIST SP 800-63B, 3.1.1.2; ASVS 4.0.3, 2.1).

    Raises ProvisioningError where it is too short, too long, or guessed soon; a password with the login in it is.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ProvisioningError(
            en=f"a password has {SHORTEST} to {LONGEST} characters, this one {len(password)}",
            zh=f"密码须为 {SHORTEST} 至 {LONGEST} 个字符，此密码有 {len(password)} 个",
        )
    if clean_text(password) != password or guesses(password, login) < LEAST_GUESSES:
        raise ProvisioningError(
            en="this password is among the leaked or easily guessed ones: take several words, or generate one",
            zh="此密码已泄露或极易被猜中：请用几个词组成，或随机生成",
        )


def guesses(password: str, login: str) -> float:
    """How many guesses the password withstands, by zxcvbn: breached passwords, words, names, keyboard walks, dates."""
    from zxcvbn import zxcvbn  # its word lists take 20 MB, and most processes set no password

    return float(zxcvbn(password[:LONGEST_JUDGED], user_inputs=[login])["guesses"])


def generate() -> str:
    """A one-time password of 79 bits, without characters that look alike."""
    groups = ("".join(secrets.choice(_CLEAR) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """Hash a password with argon2id; the text holds parameters and salt. Takes 64 MiB and some 50 ms, on purpose."""
    with _slots:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether the password fits. An unknown login (no stored hash) takes the same time, so that it cannot be told."""
    if len(password) > LONGEST:
        password = ""
    compared = stored or _nobody()
    with _slots:
        try:
            _hasher.verify(compared, password.encode(errors="replace"))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_hex(16))
