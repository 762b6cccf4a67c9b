"""The key file of the identity numbers: a ring that encrypts, and a separate key by which they are searched.

Without the search key the hashes in the database tell nothing: of identity numbers there are so few that a plain hash
could be tried out in minutes.
"""

from pathlib import Path

from care_network.errors import KeyFileError
from care_network.identity.numbers import Identity
from care_network.medical.keyring import KeyRing, Purpose, create_key_file, load_key_file

SEARCH = "search"
IDENTITY_NUMBERS = Purpose(
    keys="keys of the identity numbers", zh="证件号码", en="identity number",
    create="shouwang care registers create-key",
    rotate="shouwang care registers rotate-key",
    named=(SEARCH,),
)  # fmt: skip
KEY_FILE = "SHOUWANG_IDENTITY_KEY_FILE"
"""The setting's name in the environment."""


def create(file: Path) -> KeyRing:
    """Create the key file. Raises KeyFileError where it exists."""
    return create_key_file(file, IDENTITY_NUMBERS)


def load(file: Path | None) -> KeyRing:
    """Read the key file. Raises KeyFileError where it is not configured, missing or damaged."""
    if file is None:
        raise KeyFileError(
            en=f"the key of the identity numbers is not configured: {KEY_FILE}",
            zh=f"平台未配置证件号码密钥（{KEY_FILE}）",
        )
    return load_key_file(file, IDENTITY_NUMBERS)


def digest(ring: KeyRing, identity: Identity) -> bytes:
    """The keyed hash by which a number is found: HMAC-SHA-256, 32 bytes."""
    return ring.mac(SEARCH, f"{identity.document.value}:{identity.number}".encode())
