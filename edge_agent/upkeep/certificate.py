"""The gateway's own certificate: which file is in use, when it is renewed, and what is taken for a renewed one.

The private key stays on the gateway and stays the same: the session at the broker depends on it. The installed
certificate is read only (``/etc``), so that the one in use is a file beside the outbox.
"""

import datetime as dt
import hashlib
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.config import HomeConfig
from edge_agent.files import write_durably
from firmware_profiles.link.mqtt import Broker
from firmware_profiles.wire import Command

log = structlog.get_logger(__name__)

COMMAND = "certificate"
LOOK_S = 1.0
ASK_AGAIN_S = 6 * 3600.0
"""Pause after a request that was not answered."""
EARLIEST, LATEST = 0.5, 0.75
"""Parts of its life after which a certificate is renewed; each gateway has its own moment between them. Of 397 days
that is day 198 to 298: a district that was installed in one week is spread over a hundred days, and what cannot be
renewed is known 99 days before it matters."""


class OwnCertificate:
    """The certificate of one gateway and its private key."""

    def __init__(self, gateway: str, broker: Broker, file: Path) -> None:
        """``file``: of the certificate in use. Raises OSError or ValueError where the installed pair is unreadable."""
        if broker.ca is None or broker.cert is None or broker.key is None:
            raise ValueError("the broker has no ca, cert and key")
        self._gateway, self._authority_file, self._file = gateway, broker.ca, file
        key = serialization.load_pem_private_key(broker.key.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{broker.key} holds no elliptic-curve key")
        self._key = key
        chosen = newest(broker, file)
        if chosen != file:
            write_durably(file, chosen.read_bytes())
        self.broker = msgspec.structs.replace(broker, cert=file)
        self._read()

    def _read(self) -> None:
        self._certificate = x509.load_pem_x509_certificate(self._file.read_bytes())

    @property
    def until_us(self) -> int:
        """Its end, µs since 1970."""
        return round(self._certificate.not_valid_after_utc.timestamp() * 1e6)

    @property
    def due_at(self) -> dt.datetime:
        """When it is to be renewed: the same moment at every look, another one for every gateway."""
        begin, end = self._certificate.not_valid_before_utc, self._certificate.not_valid_after_utc
        share = int.from_bytes(hashlib.sha256(self._gateway.encode()).digest()[:4]) / 2**32
        return begin + (end - begin) * (EARLIEST + (LATEST - EARLIEST) * share)

    def request(self) -> bytes:
        """A signing request (PKCS #10, PEM) for the key that we have."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._gateway)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM)

    def take(self, command: Command) -> str:
        """Handle the command ``certificate``: check what it brings and put it into use; the connection follows within
        a minute.

        Raises ValueError where it is not ours: another name or key, not signed below our authority, or no later end.
        """
        try:
            own, *above = x509.load_pem_x509_certificates(command.body)
        except ValueError as error:
            raise ValueError("no certificate (PEM)") from error
        names = [one.value for one in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [self._gateway]:
            raise ValueError(f"made out to {names}, not to {self._gateway}")
        if own.public_key() != self._key.public_key():
            raise ValueError("for another key than ours")
        _check_chain([own, *above], x509.load_pem_x509_certificate(self._authority_file.read_bytes()))
        if own.serial_number == self._certificate.serial_number:
            return "in use already"
        if own.not_valid_after_utc <= self._certificate.not_valid_after_utc:
            raise ValueError(f"ends on {own.not_valid_after_utc:%Y-%m-%d}, no later than ours")
        try:
            write_durably(self._file, command.body)
        except OSError as error:
            raise ValueError(f"cannot be stored: {error.strerror}") from error
        self._read()
        log.info("certificate renewed", until=own.not_valid_after_utc.isoformat())
        return f"good until {own.not_valid_after_utc:%Y-%m-%d}"


def file_of(config: HomeConfig) -> Path:
    """The file of the certificate in use."""
    return config.buffer.path.with_suffix(".certificate.pem")


def newest(broker: Broker, file: Path) -> Path:
    """The installed certificate or the renewed one in ``file``: of those that fit our key, the one that ends last.

    Raises OSError or ValueError where the installed one cannot be read.
    """
    if broker.cert is None or broker.key is None:
        raise ValueError("no cert and key")
    key = serialization.load_pem_private_key(broker.key.read_bytes(), None).public_key()
    installed = x509.load_pem_x509_certificate(broker.cert.read_bytes())
    try:
        renewed = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):  # none yet, or a dying card: the installed one is what there is
        return broker.cert
    fits = renewed.public_key() == key
    return file if fits and renewed.not_valid_after_utc > installed.not_valid_after_utc else broker.cert


def _check_chain(chain: list[x509.Certificate], authority: x509.Certificate) -> None:
    """Raises ValueError where one is not signed by the next, and the last not by our authority."""
    for signed, issuer in zip(chain, [*chain[1:], authority], strict=True):
        try:
            signed.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise ValueError("not signed by our authority, nor by one below it") from error
