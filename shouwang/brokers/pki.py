"""A small certificate authority for the identities on MQTT. EC P-256; private keys are readable by their owner only."""

import datetime
import ipaddress
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = datetime.timedelta(days=3650)
ISSUING_LIFE = datetime.timedelta(days=1825)
LEAF_LIFE = datetime.timedelta(days=397)
RENEW_BEFORE = datetime.timedelta(days=30)
IDENTITY = re.compile(r"^[a-z0-9][a-z0-9-]{1,62}\Z")
"""As ``firmware_profiles.wire.GatewayName``."""
_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Pki:
    """The authority in ``folder``; everything is made on first use and renewed a month before it expires.

    ``name``: its common name. A listener trusts the identities of one authority.

    A renewed certificate keeps its key, which an MQTT session hangs on (``firmware_profiles.link.mqtt.session_name``).
    Remove a key file to have a new one made.
    """

    def __init__(self, folder: Path, name: str = "Shouwang CA") -> None:
        self.folder, self.name = folder.absolute(), name
        self._clients = self.folder / "clients"
        self._clients.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)

    @property
    def ca(self) -> Path:
        """The certificate that every party trusts."""
        cert, key_file = self.folder / "ca.crt", self.folder / "ca.key"
        if not _valid(cert):
            key = _key(key_file)
            name = _name(self.name)
            builder = (
                _builder(name, name, key.public_key(), CA_LIFE)
                .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
                .add_extension(_SIGNS, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            )
            _write(cert, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
        return cert

    @property
    def issuing(self) -> tuple[Path, Path]:
        """(certificate, key) of the issuing authority, which renews gateways' certificates online while ``ca.key`` lies
        in a safe. It can sign clients only: a broker's certificate of it is worth nothing.

        Raises ValueError where the authority was made before it could have one below it.
        """
        cert, key_file = self.folder / "issuing.crt", self.folder / "issuing.key"
        if key_file.exists() and _valid(cert) and cert.stat().st_mtime >= self.ca.stat().st_mtime:
            return cert, key_file
        issuer, ca_key = self._signer()
        if issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0:
            raise ValueError(
                f"{self.ca} allows no authority below it: begin a new authority in another folder, let brokers and"
                " gateways trust both, and go over to it"
            )
        key = _key(key_file)
        builder = (
            _builder(_name("Shouwang issuing CA"), issuer.subject, key.public_key(), ISSUING_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        _write(cert, builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
        return cert, key_file

    @property
    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """The key of :attr:`ca`. Raises ValueError where it lies elsewhere."""
        return self._signer()[1]

    def revoke(self, identities: Iterable[str] = ()) -> Path:
        """Write the list of revoked certificates, ``crl.pem``, with every certificate that this authority signed for
        these identities and for those revoked before; the issuing authority's empty list stands beside it."""
        listed = self.folder / "revoked.txt"
        names = {*(listed.read_text().split() if listed.exists() else ()), *identities}
        issuer, ca_key = self._signer()
        signed = self.folder / "signed.txt"  # of each certificate ever signed here: its name and serial number
        serials = {int(line.split()[1], 16) for line in _lines(signed) if line.split()[0] in names}
        for name in names & {file.stem for file in self._clients.glob("*.crt")}:
            serials.add(x509.load_pem_x509_certificate((self._clients / f"{name}.crt").read_bytes()).serial_number)
        text = revocation_list(issuer, ca_key, serials)
        below = self.folder / "issuing.crt"
        if below.exists() and (self.folder / "issuing.key").exists():
            text += revocation_list(
                x509.load_pem_x509_certificate(below.read_bytes()), _key(self.folder / "issuing.key"), ()
            )
        _write(self.folder / "crl.pem", text, 0o644)
        _write(listed, "\n".join(sorted(names)).encode(), 0o600)
        return self.folder / "crl.pem"

    @property
    def cluster(self) -> "Pki":
        """The authority of the routes among NATS servers. It signs nothing else: whoever may join the cluster reads
        and writes everything, so no certificate of a gateway, a service or a listener may be enough."""
        return Pki(self.folder / "cluster", "Shouwang cluster CA")

    def server(self, name: str, hosts: Sequence[str]) -> tuple[Path, Path]:
        """(certificate, key) of a server reached under ``hosts`` (names or addresses); of no use to a client."""
        return self._leaf(self.folder, name, [ExtendedKeyUsageOID.SERVER_AUTH], hosts)

    def route(self, hosts: Sequence[str]) -> tuple[Path, Path]:
        """(certificate, key) with which the servers of a cluster, reached under ``hosts``, accept and call each other.
        Signed by :attr:`cluster`."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self.cluster._leaf(self.cluster.folder, "route", usages, hosts)

    def client(self, identity: str) -> tuple[Path, Path]:
        """(certificate, key) of a gateway or service; ``identity`` becomes the common name.

        Raises ValueError where it is no gateway's or service's name.
        """
        return self._leaf(self._clients, _checked(identity), [ExtendedKeyUsageOID.CLIENT_AUTH], ())

    def gateway(self, identity: str) -> tuple[Path, Path]:
        """(certificate, key) of a gateway, signed by the issuing authority, whose service revokes it; the issuing
        authority's certificate stands behind the gateway's.

        Raises ValueError as :meth:`client` and :attr:`issuing`.
        """
        cert, key_file = (self._clients / f"{_checked(identity)}.{end}" for end in ("crt", "key"))
        above, above_key = self.issuing
        if key_file.exists() and _valid(cert) and cert.read_bytes().endswith(above.read_bytes()):
            return cert, key_file
        issuer, issuer_key = x509.load_pem_x509_certificate(above.read_bytes()), _key(above_key)
        life = min(LEAF_LIFE, issuer.not_valid_after_utc - datetime.datetime.now(datetime.UTC))
        made = leaf(issuer, issuer_key, identity, _key(key_file).public_key(), life=life)
        _write(cert, made.public_bytes(serialization.Encoding.PEM) + above.read_bytes(), 0o644)
        return cert, key_file

    def _leaf(
        self, folder: Path, name: str, usages: list[x509.ObjectIdentifier], hosts: Sequence[str]
    ) -> tuple[Path, Path]:
        cert, key_file = folder / f"{name}.crt", folder / f"{name}.key"
        names = [_general_name(host) for host in hosts] or [x509.DNSName(name)]
        fresh = _valid(cert) and cert.stat().st_mtime >= self.ca.stat().st_mtime and _names(cert) == set(names)
        if key_file.exists() and fresh:
            return cert, key_file
        issuer, ca_key = self._signer()
        made = leaf(issuer, ca_key, name, _key(key_file).public_key(), usages=usages, names=names)
        with (self.folder / "signed.txt").open("a") as record:
            record.write(f"{name} {made.serial_number:x}\n")
        _write(cert, made.public_bytes(serialization.Encoding.PEM), 0o644)
        return cert, key_file

    def _signer(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        issuer = x509.load_pem_x509_certificate(self.ca.read_bytes())
        if not (self.folder / "ca.key").exists():
            raise ValueError(
                f"{self.folder / 'ca.key'} is missing: restore it, or remove ca.crt to begin a new authority"
            )
        return issuer, _key(self.folder / "ca.key")


def leaf(
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    identity: str,
    key: CertificatePublicKeyTypes,
    *,
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    names: Sequence[x509.GeneralName] = (),
    life: datetime.timedelta | None = None,
) -> x509.Certificate:
    """Sign the certificate of an identity, a client's where ``usages`` says nothing else. ``life``: LEAF_LIFE."""
    builder = (
        _builder(_name(identity), issuer.subject, key, LEAF_LIFE if life is None else life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
        .add_extension(x509.SubjectAlternativeName(names or [x509.DNSName(identity)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def revocation_list(issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, serials: Iterable[int]) -> bytes:
    """Sign the list of this authority's revoked certificates (RFC 5280, section 5), PEM.

    Its next update lies beyond the authority's life: mosquitto refuses *everybody* once a list is out of date.
    """
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - datetime.timedelta(minutes=5))
        .next_update(now + 2 * CA_LIFE)
    )
    for serial in sorted(serials):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _checked(identity: str) -> str:
    if not IDENTITY.match(identity):
        raise ValueError(f"{identity!r} cannot be an identity: small letters, digits and '-', 2 to 63 of them")
    return identity


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Load the private key in ``file``, or make one."""
    if file.exists():
        found = serialization.load_pem_private_key(file.read_bytes(), None)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{file} holds no elliptic-curve key; remove it to have one made")
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(file, pem, 0o600)
    return key


def _write(file: Path, content: bytes, mode: int) -> None:
    """Write the file as a whole or not at all."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(file)


def _valid(cert: Path) -> bool:
    if not cert.exists():
        return False
    ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    return ends - datetime.datetime.now(datetime.UTC) > RENEW_BEFORE


def _names(cert: Path) -> set[x509.GeneralName]:
    """The names that a certificate is good for; one for other names has to be made anew."""
    extensions = x509.load_pem_x509_certificate(cert.read_bytes()).extensions
    return set(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + life)
    )
