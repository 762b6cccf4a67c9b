"""The district's side of signed configurations and programs: the key, and the signature."""

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.config import parse_home
from edge_agent.updates.signed_config import HomeUpdate, seal, write_public_key
from edge_agent.updates.signed_program import seal_program
from shouwang.gateways.bundle import make_archive
from vocabulary.private import open_to_others


def make_key(file: Path) -> str:
    """Write a new private key (PEM, PKCS #8, readable by its owner only) and return the public key for the gateways.

    Raises FileExistsError where the file is there: a key that signed for homes is not overwritten.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(pem)
        handle.flush()
        os.fsync(handle.fileno())
    return write_public_key(key.public_key())


def key_at(file: Path) -> str:
    """Return the public key for the private one in ``file``, which is made where it is missing.

    Raises ValueError as :func:`load_key`.
    """
    return write_public_key(load_key(file).public_key()) if file.exists() else make_key(file)


def load_key(file: Path) -> Ed25519PrivateKey:
    """The private key in ``file``. Raises ValueError where it holds none, or where others may read it."""
    if open_to_others(file):
        raise ValueError(f"{file}: others can read this key; chmod 600, and make a new one if they may have")
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{file}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} holds another sort of key; make one with: shouwang provision config-key")
    return key


def sign_home(key: Ed25519PrivateKey, home: str, profiles: Mapping[str, str], version: int, made_us: int) -> bytes:
    """Sign a configuration for the gateway that ``home`` (TOML) names. ``profiles``: device models (TOML) by id.

    Raises ValueError (HomeConfigError) where the gateway would refuse it, as far as that can be told from here.
    """
    config = parse_home(home, profiles, "the home's file").config
    if config.updates is not None:
        raise ValueError("[updates] is the installer's to set: leave it out of a signed configuration")
    return seal(HomeUpdate(1, config.gateway, version, made_us, home, dict(profiles)), key.sign)


def sign_program(key: Ed25519PrivateKey, release: str, version: int, made_us: int) -> bytes:
    """Sign the gateway's program of this installation as a bundle for every gateway of the district.

    Raises ValueError where it is longer than a gateway takes.
    """
    return seal_program(make_archive(release, version), version, release, made_us, key.sign)
