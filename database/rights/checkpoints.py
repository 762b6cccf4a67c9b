"""Sign checkpoints of the audit: once a day the head of the chain, by a key that lies outside the database.

The owner of a database can write the whole chain anew, and every hash in it fits. The owner cannot sign: a checkpoint
that is kept elsewhere, and the public key beside it, show that the chain does not have what was signed.
"""

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg import Connection

from database.rights.sealed import Head, head

TITLE = "shouwang checkpoint of the audit, 1"
EVERY = dt.timedelta(hours=24)
LATE = dt.timedelta(hours=25)
"""Without a checkpoint for so long something is wrong: the maintenance service, or its key."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The head of the chain at a moment, signed."""

    position: int
    hash: str
    """SHA-256, hexadecimal."""
    at: dt.datetime
    key: str
    """The public key, hexadecimal."""
    signature: bytes

    @property
    def head(self) -> Head:
        """The place in the chain that was signed."""
        return Head(self.position, self.hash)

    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        at = self.at.astimezone(dt.UTC).isoformat(timespec="microseconds")
        lines = (TITLE, f"position: {self.position}", f"hash: {self.hash}", f"at: {at}", f"key: {self.key}")
        return "".join(f"{line}\n" for line in lines).encode()

    def is_signed(self) -> bool:
        """Whether the signature is right for the key that the checkpoint names; whose key it is, the reader knows."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key)).verify(self.signature, self.signed())
        except (InvalidSignature, ValueError):
            return False
        return True

    def text(self) -> str:
        """The checkpoint as a file; :func:`read` takes it back."""
        return f"{self.signed().decode()}signature: {base64.b64encode(self.signature).decode()}\n"

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"audit-{self.at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}-{self.position}.checkpoint"


def read(text: str) -> Checkpoint:
    """Read a checkpoint from its file; the signature is not looked at. Raises ValueError for anything else."""
    try:
        title, *lines = text.strip().splitlines()
        parts = dict(line.split(": ", 1) for line in lines)
        found = Checkpoint(
            position=int(parts["position"]), hash=parts["hash"], at=dt.datetime.fromisoformat(parts["at"]),
            key=parts["key"], signature=base64.b64decode(parts["signature"], validate=True),
        )  # fmt: skip
    except (ValueError, KeyError) as error:
        raise ValueError("this is no checkpoint of the audit") from error
    if title != TITLE or found.at.tzinfo is None:
        raise ValueError("this is no checkpoint of the audit")
    return found


def make_key(file: Path) -> str:
    """Make the key that signs, readable by its owner alone, and ``FILE.pub`` beside it; returns the public key.

    A file that is there is kept.
    """
    if not file.exists():
        key = Ed25519PrivateKey.generate()
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.touch(mode=0o600)
        file.write_bytes(key.private_bytes(*form))
    public = public_of(load_key(file))
    file.with_name(f"{file.name}.pub").write_text(f"{public}\n")
    return public


def load_key(file: Path) -> Ed25519PrivateKey:
    """Read the key that signs. Raises OSError, and ValueError for a file that is none."""
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} is no Ed25519 key")
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    """The public key, hexadecimal."""
    return key.public_key().public_bytes_raw().hex()


def sign(place: Head, at: dt.datetime, key: Ed25519PrivateKey) -> Checkpoint:
    """Sign a place in the chain."""
    bare = Checkpoint(position=place.position, hash=place.hash, at=at, key=public_of(key), signature=b"")
    return msgspec.structs.replace(bare, signature=key.sign(bare.signed()))


def make(conn: Connection[Any], at: dt.datetime, key: Ed25519PrivateKey) -> Checkpoint | None:
    """Sign the head of the chain and keep it; None while nothing is sealed. A place is signed once."""
    place = head(conn)
    if place is None:
        return None
    made = sign(place, at, key)
    conn.execute(
        """
        INSERT INTO audit_checkpoint (position, hash, at, key, signature) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (position) DO NOTHING
        """,
        (made.position, bytes.fromhex(made.hash), made.at, made.key, made.signature),
    )
    return next(iter(listing(conn, 1, made.position + 1)), made)


def listing(conn: Connection[Any], most: int, before: int | None = None) -> list[Checkpoint]:
    """The newest checkpoints, those below a position where one is given; the newest first."""
    rows = conn.execute(
        """
        SELECT position, encode(hash, 'hex'), at, key, signature FROM audit_checkpoint
        WHERE %(before)s::bigint IS NULL OR position < %(before)s ORDER BY position DESC LIMIT %(most)s
        """,
        {"before": before, "most": most},
    )
    return [Checkpoint(position=r[0], hash=r[1], at=r[2], key=r[3], signature=bytes(r[4])) for r in rows]


def last_at(conn: Connection[Any]) -> dt.datetime | None:
    """The time of the newest checkpoint."""
    row = conn.execute("SELECT max(at) FROM audit_checkpoint").fetchone()
    return row[0] if row else None


def write(folder: Path, made: Checkpoint) -> Path:
    """Put a checkpoint into a folder, whole or not at all; returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / made.file_name
    part = file.with_suffix(".part")
    part.write_text(made.text())
    return part.replace(file)


def daily(conn: Connection[Any], now: dt.datetime, key_file: Path, folder: Path | None) -> Checkpoint | None:
    """Make the checkpoint of the day where one is due, and put it into the folder; None where none is due.

    Raises OSError or ValueError where the key cannot be read or the folder not be written.
    """
    last = last_at(conn)
    if last is not None and now - last < EVERY:
        return None
    made = make(conn, now, load_key(key_file))
    if made is not None and folder is not None:
        write(folder, made)
    return made
