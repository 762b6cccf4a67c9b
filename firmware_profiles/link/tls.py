"""Certificates of a connection to the broker: load them, say when they end, and explain in words why one is refused."""

import datetime as dt
import os
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

TIMEOUT_S = 5.0
REFUSED_WITHIN_S = 1.0
"""A certificate is refused in the handshake, at once. A broker that hangs up later had taken it, and cannot go on: a
NATS server that has no majority asks the others for our session first, for some seconds."""
NO_ANSWER = (
    "the broker took our certificate, and cannot go on (its log says why):"
    " of a NATS cluster, do two of three servers run?"
)


class Broker(msgspec.Struct, frozen=True):
    """Address of the broker, and our certificate. Without ``ca`` the connection is plain TCP (loopback tests only)."""

    host: str = "127.0.0.1"
    port: int = 8883
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    command_key: Path | None = None
    """Ed25519 key with which a service signs its commands to gateways; a gateway has none."""

    @property
    def certificates(self) -> list[Path]:
        """The files whose expiry cuts the connection."""
        return [file for file in (self.ca, self.cert) if file is not None]


def make_context(broker: Broker) -> ssl.SSLContext | None:
    """Load the files as they are now; None for plain TCP. Raises OSError or ssl.SSLError where one cannot be used."""
    if broker.ca is None:
        return None
    context = ssl.create_default_context(cafile=str(broker.ca))
    if broker.cert is not None:
        context.load_cert_chain(str(broker.cert), None if broker.key is None else str(broker.key))
    return context


def ends(broker: Broker) -> dict[str, dt.datetime]:
    """When our certificates, their authorities' and the broker's end, by holder; without those that are unreadable or
    out of reach."""
    found = {}
    for file in (broker.cert, broker.ca):
        try:
            for one in x509.load_pem_x509_certificates(file.read_bytes()) if file is not None else ():
                found[_common_name(one)] = one.not_valid_after_utc
        except (OSError, ValueError):
            continue
    peer = _peer(broker)
    if peer is not None:
        found[f"broker {broker.host}:{broker.port}"] = peer.not_valid_after_utc
    return found


def explain(broker: Broker, now: dt.datetime | None = None) -> str:
    """Find out why the broker does not let us in, by looking at our certificate, at its own, and by trying once.

    "" where it does let us in. Blocks for TIMEOUT_S at most in each of its steps.
    """
    now = now or dt.datetime.now(dt.UTC)
    if broker.ca is None:
        return _explain_plain(broker)
    fault = own_fault(broker, now)
    if fault:
        return fault
    try:
        context = make_context(broker)
    except ssl.SSLError as error:
        return f"{broker.cert} and {broker.key} do not belong together, or are damaged: {error.reason or error}"
    except OSError as error:
        missing = next(
            (file for file in (broker.cert, broker.key) if file is not None and not file.exists()), broker.cert
        )
        return f"{error.filename or missing}: {error.strerror or error}"
    assert context is not None  # noqa: S101 - there is a ca
    try:
        with socket.create_connection((broker.host, broker.port), TIMEOUT_S) as plain:
            return _try(broker, context, plain, now)
    except OSError as error:
        return f"{broker.host}:{broker.port} cannot be reached: {error.strerror or error}"


def identity_of(broker: Broker) -> str:
    """The common name of our certificate; "" where there is none that can be read."""
    try:
        return "" if broker.cert is None else _common_name(x509.load_pem_x509_certificate(broker.cert.read_bytes()))
    except (OSError, ValueError):
        return ""


def own_fault(broker: Broker, now: dt.datetime) -> str:
    """The fault of the authority's or our own certificate, by the files and the clock; "" where there is none."""
    for what, file in (("the authority's certificate", broker.ca), ("our certificate", broker.cert)):
        if file is None:
            continue
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except OSError as error:
            return f"{file}: {error.strerror or error}"
        except ValueError as error:
            return f"{file} holds no certificate (PEM): {error}"
        fault = _dates(certificate, now)
        if fault:
            return f"{what} {file} ({_common_name(certificate)}) {fault}"
    return ""


def stamp(broker: Broker) -> tuple[int, ...]:
    """Changes when one of the files was written anew."""
    files = [file for file in (broker.ca, broker.cert, broker.key) if file is not None]
    return tuple(os.stat(file).st_mtime_ns if file.exists() else 0 for file in files)


def _try(broker: Broker, context: ssl.SSLContext, plain: socket.socket, now: dt.datetime) -> str:
    try:
        with context.wrap_socket(plain, server_hostname=broker.host) as secure:
            secure.sendall(_connect())
            asked = time.monotonic()
            answer = secure.recv(4)
    except ssl.SSLCertVerificationError as error:
        return _peer_fault(broker, error, now)
    except ssl.SSLError as error:
        return _alert_words(broker, error.reason or "")
    except TimeoutError:
        return NO_ANSWER
    except OSError as error:
        return _hung_up(broker, error.strerror or str(error))
    if len(answer) < len(b"    "):
        return NO_ANSWER if time.monotonic() - asked > REFUSED_WITHIN_S else _hung_up(broker, "")
    return "" if answer[3] == 0 else _CONNACK.get(answer[3], f"code {answer[3]}").format(identity=_identity(broker))


def _explain_plain(broker: Broker) -> str:
    try:
        with socket.create_connection((broker.host, broker.port), TIMEOUT_S):
            return ""
    except OSError as error:
        return f"{broker.host}:{broker.port} cannot be reached: {error.strerror or error}"


def _connect() -> bytes:
    """CONNECT of MQTT 3.1.1 (section 3.1): clean session, keep-alive 10 s, a client id that nobody else has."""
    client_id = f"probe-{os.urandom(8).hex()}".encode()
    body = b"\0\4MQTT\4\2\0\x0a" + len(client_id).to_bytes(2, "big") + client_id
    return bytes([0x10, len(body)]) + body


def _peer_fault(broker: Broker, error: ssl.SSLCertVerificationError, now: dt.datetime) -> str:
    where = f"the broker's certificate ({broker.host}:{broker.port})"
    peer = _peer(broker)
    if peer is not None and error.verify_code in _OUT_OF_DATE and _dates(peer, now):
        return f"{where} {_dates(peer, now)}"
    if error.verify_code in _WRONG_NAME and peer is not None:
        return f"wrong name: {where} is made out to {', '.join(_names(peer))}"
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"unknown authority: {where} was not signed by {broker.ca}"
    return f"{where} is refused: {error.verify_message}"


def _peer(broker: Broker) -> x509.Certificate | None:
    """The certificate that the broker shows, whoever signed it."""
    if broker.ca is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only looked at, nothing is said
    try:
        if broker.cert is not None:
            context.load_cert_chain(str(broker.cert), None if broker.key is None else str(broker.key))
        with (
            socket.create_connection((broker.host, broker.port), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except OSError:
        return None
    return None if shown is None else x509.load_der_x509_certificate(shown)


def _alert_words(broker: Broker, reason: str) -> str:
    identity = _identity(broker)
    if broker.cert is None:
        return _hung_up(broker, "")
    for part, words in _ALERTS.items():
        if part in reason:
            return f"the broker refuses our certificate ({identity}): {words}"
    return _hung_up(broker, reason)


def _hung_up(broker: Broker, reason: str) -> str:
    if broker.cert is None:
        return "the broker hung up: it wants a certificate, and none is configured"
    return (
        f"the broker hung up on our certificate ({_identity(broker)}): revoked, or of an unknown authority there,"
        " or the broker is out of order (its log says)"
        f"{f' ({reason})' if reason else ''}"
    )


def _identity(broker: Broker) -> str:
    return identity_of(broker) or "no certificate"


def _dates(certificate: x509.Certificate, now: dt.datetime) -> str:
    if now > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC (it is {now:%Y-%m-%d %H:%M} here)"
    if now < certificate.not_valid_before_utc:
        return (
            f"is not yet valid: from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on"
            f" (it is {now:%Y-%m-%d %H:%M} here: is the clock right?)"
        )
    return ""


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "nobody"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [_common_name(certificate)]
    return [str(name.value) for name in names]


# X509_V_ERR_… of OpenSSL (x509_vfy.h)
_OUT_OF_DATE = frozenset({9, 10})
_WRONG_NAME = frozenset({62, 64})
_UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21})
_ALERTS: Mapping[str, str] = MappingProxyType(
    {
        "CERTIFICATE_EXPIRED": "expired, by the broker's clock",
        "CERTIFICATE_REVOKED": "revoked",
        "UNKNOWN_CA": "of an unknown authority there",
        "CERTIFICATE_REQUIRED": "none was sent",
        "CERTIFICATE_UNKNOWN": "it does not say why",
    }
)
"""Alerts of TLS (RFC 8446, section 6.2) by a part of OpenSSL's name for them."""
_CONNACK: Mapping[int, str] = MappingProxyType(
    {
        1: "the broker does not speak MQTT 3.1.1",
        2: "the broker refuses the client id",
        3: "the broker is not ready",
        4: "not authorised: the broker does not know {identity}, or it was revoked",
        5: "not authorised: the broker does not know {identity}, or it was revoked",
    }
)
"""Return codes of CONNACK (MQTT 3.1.1, section 3.2.2.3)."""
