"""Sign what a gateway asks for, and nothing else. No database, no network."""

import datetime as dt
import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shouwang.brokers.pki import LEAF_LIFE, leaf, revocation_list

MOST_REQUEST = 8192
"""Bytes; a request of an elliptic-curve key has about 500."""


class RequestRefusedError(ValueError):
    """Raised where a request is not one that this gateway may make; the text says why."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A signed certificate. ``chain``: PEM, the issuing authority's certificate behind it."""

    chain: bytes
    serial: int
    key_hash: bytes
    expires_at: dt.datetime


class Issuer:
    """The issuing authority, with its key. Raises ValueError where the files hold none."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert = x509.load_pem_x509_certificate(cert.read_bytes())
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key} holds no elliptic-curve key")
        self._key = loaded

    @property
    def name(self) -> str:
        return str(self._cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def expires_at(self) -> dt.datetime:
        return self._cert.not_valid_after_utc

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is signed by this authority."""
        try:
            certificate.verify_directly_issued_by(self._cert)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def sign(self, request: bytes, gateway: str, now: dt.datetime, life: dt.timedelta = LEAF_LIFE) -> Issued:
        """Sign the certificate of ``gateway``, who was identified otherwise: by the broker, or by an enrolment code.

        Of the request (PKCS #10, PEM) only the key counts. Raises RequestRefusedError where it is none, is made out to
        another name, or is not signed by the key that it asks for.
        """
        if len(request) > MOST_REQUEST:
            raise RequestRefusedError(f"a request of {len(request)} bytes is too long")
        try:
            asked = x509.load_pem_x509_csr(request)
            key = asked.public_key()
            names = [one.value for one in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
            proved = asked.is_signature_valid
        except Exception as error:  # foreign bytes: the parser may raise anything
            raise RequestRefusedError(f"no certificate request: {type(error).__name__}") from error
        if names != [gateway]:
            raise RequestRefusedError(f"made out to {names}, not to {gateway}")
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.key_size < 256:
            raise RequestRefusedError("the key must be on an elliptic curve of 256 bits or more")
        if not proved:
            raise RequestRefusedError("not signed by the key that it is for")
        made = leaf(self._cert, self._key, gateway, key, life=min(life, self.expires_at - now))
        return Issued(
            chain=made.public_bytes(serialization.Encoding.PEM) + self._cert.public_bytes(serialization.Encoding.PEM),
            serial=made.serial_number,
            key_hash=key_hash(key),
            expires_at=made.not_valid_after_utc,
        )

    def revocation_list(self, serials: Iterable[int]) -> str:
        """The signed list of revoked certificates, PEM."""
        return revocation_list(self._cert, self._key, serials).decode()


def key_hash(key: ec.EllipticCurvePublicKey) -> bytes:
    """SHA-256 of a public key (SubjectPublicKeyInfo)."""
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).digest()
