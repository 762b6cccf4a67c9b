"""Sign and verify links by which a person without a login answers a message (HMAC-SHA-256, expiring, some used once).

A token is ``<base64url of purpose, subject, person, expiry>.<base64url of the MAC>``. It holds no secret, and nobody
without the key can make or alter one. The key file (``SHOUWANG_LINK_KEY_FILE``) has one key a line, base64 of 32
bytes: the last one signs, all of them verify, so that a new line changes the key without breaking yesterday's links.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from vocabulary.errors import BilingualError
from vocabulary.private import open_to_others

KEY_FILE = "SHOUWANG_LINK_KEY_FILE"
MAC_BYTES = 16
"""Of HMAC-SHA-256, truncated to 128 bits (RFC 2104, section 5: at least half): links must fit into an SMS."""
MAX_TOKEN = 600


class LinkError(BilingualError, ValueError):
    """The token is not ours, was altered, has expired or serves another purpose; the texts are for the person."""


class LinkKeyError(RuntimeError):
    """The key file is missing, readable by others or damaged; the text says what to do."""


class Link(msgspec.Struct, frozen=True):
    """Contents of a token. ``person`` is a recipient as ``kind:key``."""

    purpose: str
    subject: str
    person: str
    expires_at: dt.datetime


class LinkKeys:
    """Keys that sign and verify links: the last one signs, all of them verify."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise LinkKeyError("link keys have 32 bytes each, and there must be one")
        self._keys = keys

    def __repr__(self) -> str:
        return f"LinkKeys({len(self._keys)})"

    def sign(self, purpose: str, subject: str, person: str, expires_at: dt.datetime) -> str:
        """Make a token for :meth:`read`; the same arguments give the same token."""
        body = _text(msgspec.msgpack.encode((purpose, subject, person, int(expires_at.timestamp()))))
        token = f"{body}.{_mac(self._keys[-1], body)}"
        if len(token) > MAX_TOKEN:
            raise ValueError(f"a link of {len(token)} characters is longer than {MAX_TOKEN}: shorten its subject")
        return token

    def read(self, token: str, purpose: str, now: dt.datetime) -> Link:
        """Verify and decode a token. Raises LinkError for a forged, altered or expired one, or another purpose."""
        body, dot, mac = token.partition(".") if len(token) <= MAX_TOKEN and token.isascii() else ("", "", "")
        # The MAC is compared as text: base64 has several spellings of the same bytes, and only one of them is ours.
        if not dot or not any(hmac.compare_digest(mac.encode(), _mac(key, body).encode()) for key in self._keys):
            raise LinkError(zh="链接无效，请打开短信中的完整链接", en="this link is not valid; open the whole link")
        signed_for, subject, person, expires = msgspec.msgpack.decode(
            base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=tuple[str, str, str, int]
        )
        if signed_for != purpose:
            raise LinkError(zh="该链接用于其他操作", en="this link is for something else")
        expires_at = dt.datetime.fromtimestamp(expires, dt.UTC)
        if now >= expires_at:
            raise LinkError(
                zh="链接已过期，请在控制台处理或致电值班台", en="this link has expired; call the duty center"
            )
        return Link(signed_for, subject, person, expires_at)


def sign(purpose: str, subject: str, person: str, expires_at: dt.datetime) -> str:
    """Call :meth:`LinkKeys.sign` with the keys of the file that the environment names. Raises LinkKeyError."""
    return load_link_keys().sign(purpose, subject, person, expires_at)


def read(token: str, purpose: str, now: dt.datetime) -> Link:
    """Call :meth:`LinkKeys.read` with the keys of the environment's file. Raises LinkKeyError, LinkError."""
    return load_link_keys().read(token, purpose, now)


def spend(conn: psycopg.Connection[Any], token: str, link: Link, at: dt.datetime) -> None:
    """Mark the link as used, in the caller's transaction: its use and its effect are stored together or not at all.

    Raises LinkError where it was used before.
    """
    used = conn.execute(
        "INSERT INTO used_link (token_hash, purpose, used_at, expires_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (hashlib.sha256(token.encode()).digest(), link.purpose, at, link.expires_at),
    )
    if used.rowcount == 0:
        raise LinkError(zh="该链接已使用过", en="this link was used already")


def spent_at(conn: psycopg.Connection[Any], token: str) -> dt.datetime | None:
    """Time at which the link was used; None where it still works."""
    digest = hashlib.sha256(token.encode()).digest()
    row = conn.execute("SELECT used_at FROM used_link WHERE token_hash = %s", (digest,)).fetchone()
    return row[0] if row else None


def create_link_key_file(file: Path) -> None:
    """Make a file with one key, mode 0600. A file that exists is left as it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as stream:
        stream.write(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")


def load_link_keys(file: Path | None = None) -> LinkKeys:
    """Read the keys of ``file``, or of the one the environment names. Raises LinkKeyError with what to do."""
    named = file or (Path(os.environ[KEY_FILE]) if os.environ.get(KEY_FILE) else None)
    if named is None:
        raise LinkKeyError(f"no key for links: set {KEY_FILE} to a file made with 'shouwang notify link-key FILE'")
    try:
        mode = open_to_others(named)
        lines = named.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise LinkKeyError(f"the key file for links {named} cannot be read: {error}") from error
    if mode:
        raise LinkKeyError(f"others may read the key file {named} (mode {mode}); do: chmod 600 {named}")
    try:
        return LinkKeys([base64.b64decode(line, validate=True) for line in lines])
    except (binascii.Error, LinkKeyError) as error:
        raise LinkKeyError(f"the key file {named} is damaged: one base64 of 32 bytes a line") from error


def _mac(key: bytes, body: str) -> str:
    return _text(hmac.digest(key, b"shouwang-link\x00" + body.encode(), "sha256")[:MAC_BYTES])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
