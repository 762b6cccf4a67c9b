"""Sign a home's configuration in the district and verify it on the gateway.

The signature is Ed25519 (RFC 8032) over a fixed prefix and the content, so that a signature made for another purpose
cannot be used here. The content names its gateway and its version: a signed configuration fits one home, once.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from firmware_profiles.errors import DeviceLanguageError
from firmware_profiles.wire import MAX_PAYLOAD, GatewayName

PREFIX = b"shouwang home configuration 1\n"
MAX_SEALED = MAX_PAYLOAD - 1024
"""Bytes; the rest of a message is left to the command around it."""
KEY_BYTES = 32

ModelId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\Z")]
Version = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class SignatureError(DeviceLanguageError):
    """The bytes are not what the district signed."""


class HomeUpdate(msgspec.Struct, frozen=True):
    """A complete configuration: nothing of an earlier version stays in force."""

    format: Literal[1]
    gateway: GatewayName
    version: Version
    """Rises with each update of a gateway; one it has seen before, or an older one, is refused."""
    made_us: int
    """Time of the signature, µs since 1970, UTC."""
    home: str
    """The home's configuration file (TOML)."""
    profiles: dict[ModelId, str] = {}
    """The home's own device models (TOML) by id; a known id is replaced."""


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    content: bytes
    signature: bytes


def seal(update: HomeUpdate, sign: Callable[[bytes], bytes]) -> bytes:
    """``update`` with its signature. Raises ValueError where it is too long for one message."""
    sealed = seal_content(msgspec.msgpack.encode(update), PREFIX, sign)
    if len(sealed) > MAX_SEALED:
        raise ValueError(f"a configuration of {len(sealed)} bytes does not fit into a message of {MAX_SEALED}")
    return sealed


def unseal(sealed: bytes, public_keys: Sequence[Ed25519PublicKey]) -> HomeUpdate:
    """The configuration that one of ``public_keys`` signed. Raises SignatureError for anything else."""
    if len(sealed) > MAX_SEALED:
        raise SignatureError(f"{len(sealed)} bytes are longer than any signed configuration ({MAX_SEALED})")
    content = open_content(sealed, PREFIX, public_keys, "configuration")
    try:
        return msgspec.msgpack.decode(content, type=HomeUpdate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"signed, but not a configuration this gateway understands: {error}") from error


def seal_content(content: bytes, prefix: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """``content`` with its signature for the purpose that ``prefix`` names."""
    return msgspec.msgpack.encode(_Sealed(content, sign(prefix + content)))


def open_content(sealed: bytes, prefix: bytes, public_keys: Sequence[Ed25519PublicKey], what: str) -> bytes:
    """The content that one of ``public_keys`` signed for this purpose. Raises SignatureError for anything else."""
    try:
        pair = msgspec.msgpack.decode(sealed, type=_Sealed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"not a signed {what}: {error}") from error
    if not any(_verifies(key, prefix, pair) for key in public_keys):
        raise SignatureError("the signature is by none of the district's keys that this gateway knows")
    return pair.content


def read_public_key(text: str) -> Ed25519PublicKey:
    """The key in ``text`` (base64 of its 32 bytes). Raises ValueError where it is none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"public key {text!r} is not base64") from error
    if len(raw) != KEY_BYTES:
        raise ValueError(f"public key {text!r} holds {len(raw)} bytes; an Ed25519 key has {KEY_BYTES}")
    return Ed25519PublicKey.from_public_bytes(raw)


def write_public_key(key: Ed25519PublicKey) -> str:
    """The form that :func:`read_public_key` reads."""
    return base64.b64encode(key.public_bytes_raw()).decode("ascii")


def _verifies(key: Ed25519PublicKey, prefix: bytes, pair: _Sealed) -> bool:
    try:
        key.verify(pair.signature, prefix + pair.content)
    except InvalidSignature:
        return False
    return True
