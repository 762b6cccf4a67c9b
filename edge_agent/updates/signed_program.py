"""Sign a bundle of the gateway's program in the district and verify it on the gateway.

A bundle is a ZIP archive of the home programs' own packages and a signed note about it (Ed25519, RFC 8032, with a
prefix of its own, so that no signature of a configuration fits). It is for every gateway of the district: rings decide
who gets it, and a version that a gateway has seen is refused. Libraries of others are not in it; the gateway's system
brings them.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.updates.signed_config import SignatureError, Version, open_content, seal_content

PREFIX = b"shouwang edge program 1\n"
MAX_BUNDLE = 4 * 1024 * 1024
"""Bytes; a gateway holds a bundle in memory while it comes."""
PART_BYTES = 128 * 1024
"""Of a bundle in one command; a message holds 256 KiB."""
MAX_PARTS = MAX_BUNDLE // PART_BYTES


class ProgramUpdate(msgspec.Struct, frozen=True):
    """The signed note about a program."""

    format: Literal[1]
    version: Version
    """Rises with each bundle; one that a gateway has seen before, or an older one, is refused."""
    release: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    """The release's number, for people."""
    made_us: int
    """Time of the signature, µs since 1970, UTC."""
    sha256: str
    """Of the archive, hexadecimal."""


class _Bundle(msgspec.Struct, frozen=True, array_like=True):
    note: bytes
    archive: bytes


def seal_program(archive: bytes, version: int, release: str, made_us: int, sign: Callable[[bytes], bytes]) -> bytes:
    """The bundle of ``archive``. Raises ValueError where it is longer than a gateway takes."""
    update = ProgramUpdate(1, version, release, made_us, hashlib.sha256(archive).hexdigest())
    note = seal_content(msgspec.msgpack.encode(update), PREFIX, sign)
    bundle = msgspec.msgpack.encode(_Bundle(note, archive))
    if len(bundle) > MAX_BUNDLE:
        raise ValueError(f"a program of {len(bundle)} bytes is longer than a gateway takes ({MAX_BUNDLE})")
    return bundle


def unseal_program(bundle: bytes, public_keys: Sequence[Ed25519PublicKey]) -> tuple[ProgramUpdate, bytes]:
    """The note and the archive, where one of ``public_keys`` signed them. Raises SignatureError for anything else."""
    if len(bundle) > MAX_BUNDLE:
        raise SignatureError(f"{len(bundle)} bytes are longer than any program ({MAX_BUNDLE})")
    note, archive = _pair(bundle)
    content = open_content(note, PREFIX, public_keys, "program")
    try:
        update = msgspec.msgpack.decode(content, type=ProgramUpdate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"signed, but not a program this gateway understands: {error}") from error
    if hashlib.sha256(archive).hexdigest() != update.sha256:
        raise SignatureError("the archive is not the signed one")
    return update, archive


def read_note(bundle: bytes) -> ProgramUpdate:
    """The note of a bundle, unverified: the gateways verify it. Raises SignatureError where it is no bundle."""
    note, _ = _pair(bundle)
    try:
        content = msgspec.msgpack.decode(note, type=tuple[bytes, bytes])[0]
        return msgspec.msgpack.decode(content, type=ProgramUpdate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"not a program's bundle: {error}") from error


def _pair(bundle: bytes) -> tuple[bytes, bytes]:
    try:
        pair = msgspec.msgpack.decode(bundle, type=_Bundle)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"not a program's bundle: {error}") from error
    return pair.note, pair.archive
