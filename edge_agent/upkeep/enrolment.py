"""A new gateway trades the code that the installer typed for its first certificate. The key never leaves it."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.config import HomeConfig, HomeConfigError
from edge_agent.files import write_durably

TIMEOUT_S = 20.0
MOST_ANSWER = 64 * 1024
_CODE = re.compile(r"^([a-z0-9][a-z0-9-]{1,62})\.([0-9a-f]{32})\.([0-9a-f]{32})\Z")


def enrol(config: HomeConfig, code: str, address: str) -> str:
    """Get the gateway's first certificate from ``address`` (https://host:port), write ca, cert and key where the
    configuration names them, and say until when it is good.

    The code names the gateway and the fingerprint of the district's authority: an address that answers with another
    authority learns no code. Raises HomeConfigError with a text for the installer.
    """
    match = _CODE.match(code.strip().lower())
    if match is None:
        raise HomeConfigError("a code looks like gw-0001.<32 digits>.<32 digits>; is it whole?")
    gateway, secret, fingerprint = match.groups()
    broker = config.broker
    if gateway != config.gateway:
        raise HomeConfigError(f"this code is for {gateway}; the configuration says gateway = {config.gateway!r}")
    if broker.ca is None or broker.cert is None or broker.key is None:
        raise HomeConfigError("[broker] must name ca, cert and key: the files that are to be written")
    at = urlsplit(address)
    if at.scheme != "https" or not at.hostname:
        raise HomeConfigError(f"{address!r} is no address like https://enrol.example.org:8443")
    try:
        authority = _fetch_authority(at.hostname, at.port or 443, fingerprint)
        key = _key(broker.key)
        answer = _trade(at.hostname, at.port or 443, authority, _wish(gateway, secret, key))
        certificate = x509.load_pem_x509_certificate(answer)
        if certificate.public_key() != key.public_key():
            raise HomeConfigError("the district answered with a certificate for another key")
        _install(broker.ca, authority)
        _install(broker.cert, answer)
    except ssl.SSLError as error:
        raise HomeConfigError(f"{address}: {error}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, HomeConfigError):
            raise
        raise HomeConfigError(f"{address}: {error}") from error
    return f"{gateway}: certificate until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _fetch_authority(host: str, port: int, fingerprint: str) -> bytes:
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE  # the fingerprint is what is trusted
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=unverified)
    with contextlib.closing(connection):
        connection.request("GET", "/authority")
        authority = connection.getresponse().read(MOST_ANSWER)
    if hashlib.sha256(authority).hexdigest()[:32] != fingerprint:
        raise HomeConfigError(f"{host}:{port} belongs to another authority than the code: wrong address, or a trap")
    return authority


def _trade(host: str, port: int, authority: bytes, wish: str) -> bytes:
    context = ssl.create_default_context(cadata=authority.decode())
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    with contextlib.closing(connection):
        connection.request("POST", "/enrol", wish, {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = json.loads(response.read(MOST_ANSWER))
    if response.status != http.client.OK:
        raise HomeConfigError(f"the district refuses: {body.get('detail', response.status)}")
    return str(body["certificate"]).encode()


def _wish(gateway: str, secret: str, key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = request.public_bytes(serialization.Encoding.PEM).decode()
    return json.dumps({"gateway": gateway, "code": secret, "request": text})


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key in ``file``, made where there is none: a second try uses the first one's."""
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{file} holds no elliptic-curve key; remove it to have one made")
        return key
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    _give_to_group(file)
    return key


def _install(file: Path, content: bytes) -> None:
    write_durably(file, content)
    _give_to_group(file)


def _give_to_group(file: Path) -> None:
    """Let the folder's group read what root wrote: the agent runs as a user of that group."""
    if os.geteuid() == 0:
        os.chown(file, -1, file.parent.stat().st_gid)
        file.chmod(0o640)
