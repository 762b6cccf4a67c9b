"""Make new secrets: key of the links, pair for Web Push, key of the medical notes, passwords of database roles."""

import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from care_network.identity import keys as identity
from care_network.medical.keyring import create_key_file
from database.rights import checkpoints
from dispatch.channels.adapters.webpush import create_key
from dispatch.core.links import create_link_key_file
from shouwang.gateways.signing import make_key


def link_key() -> bytes:
    """Make the key that signs the links in messages."""
    return _made(create_link_key_file)


def medical_keys() -> bytes:
    """Make the key file of the medical notes."""
    return _made(create_key_file)


def identity_keys() -> bytes:
    """Make the key file of the identity numbers."""
    return _made(identity.create)


def report_key() -> bytes:
    """Make the key with which the district signs packages for other levels."""
    return _made(checkpoints.make_key)


def audit_key() -> bytes:
    """Make the key that signs checkpoints of the audit."""
    return _made(checkpoints.make_key)


def command_key() -> bytes:
    """Make the key with which a service signs its commands to gateways."""
    return _made(make_key)


def push_pair() -> tuple[bytes, bytes]:
    """Make the (private, public) key for Web Push, as ``shouwang notify push-key`` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "push.pem"
        create_key(file)
        return file.read_bytes(), file.with_name("push.pem.pub").read_bytes()


def passwords(known: Mapping[str, str], roles: Iterable[str]) -> dict[str, str]:
    """Passwords of the database's roles: those that are known stay, the others are made, 256 bits each."""
    return {role: known.get(role) or secrets.token_urlsafe(32) for role in roles}


def _made(create: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "key"
        create(file)
        return file.read_bytes()
