"""Sign commands to gateways, and verify them there: Ed25519 (RFC 8032), for one gateway, by the service that may.

The signature stands in a field of its own, which a gateway that knows no keys does not read. It covers the gateway's
name and every other field, written anew in one form, so that it says nothing about how the message was packed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware_profiles import wire

log = structlog.get_logger(__name__)

PREFIX = b"shouwang command 1\n"
"""Begin of what is signed: no signature for another purpose fits."""
Commander = Literal["alerting", "ingest", "console"]
COMMANDERS: tuple[Commander, ...] = get_args(Commander)
"""Services that command gateways, each with a key of its own."""

SIGNED_THEMSELVES = frozenset({"update_config", "update_program", "certificate"})
"""Kinds whose content is signed by another authority and only ever newer. They need no further signature, so that a
gateway with wrong keys can still be given others."""


def commander_of(kind: str) -> Commander | None:
    """Return the service whose key has to sign commands of this kind, the console's for those that people give; None:
    what it brings is signed itself."""
    if kind in SIGNED_THEMSELVES:
        return None
    if kind in wire.ENDS_ALARM:
        return "alerting"
    return "ingest" if kind == "resend" else "console"


def signed_bytes(gateway: str, command: wire.Command) -> bytes:
    """Return what is signed of a command to this gateway."""
    fields = [gateway, command.version, command.id, command.kind, command.time_us]
    return PREFIX + msgspec.msgpack.encode([*fields, sorted(command.args.items()), command.body])


def verifies(gateway: str, command: wire.Command, public_keys: Sequence[Ed25519PublicKey]) -> bool:
    """Return whether one of the keys signed exactly this command to this gateway."""
    content = signed_bytes(gateway, command)
    for key in public_keys:
        try:
            key.verify(command.signature, content)
        except InvalidSignature:
            continue
        return True
    return False


class CommandSigner:
    """Writes commands, signed where there is a key. A key that cannot be read now is tried again at each command.

    Without it commands go out unsigned, and the log says so: a gateway that knows no key still hears them.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._key: Ed25519PrivateKey | None = None
        self._told = False

    def message(self, gateway: str, command: wire.Command) -> bytes:
        """Return the bytes to publish."""
        key = self._loaded()
        if key is not None:
            command = msgspec.structs.replace(command, signature=key.sign(signed_bytes(gateway, command)))
        return wire.encode(command)

    def _loaded(self) -> Ed25519PrivateKey | None:
        if self._key is None and self._file is not None:
            try:
                key = serialization.load_pem_private_key(self._file.read_bytes(), None)
                if not isinstance(key, Ed25519PrivateKey):
                    raise TypeError("another sort of key than Ed25519")
                self._key = key
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
                if not self._told:
                    log.error("commands to gateways are not signed", file=str(self._file), reason=str(error))
                self._told = True
        return self._key
