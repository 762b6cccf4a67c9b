"""A small certificate authority: who is who on MQTT. EC P-256, one folder, private keys readable by their owner only."""

import contextlib
import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = datetime.timedelta(days=3650)
LEAF_LIFE = datetime.timedelta(days=397)
RENEW_BEFORE = datetime.timedelta(days=30)


class Pki:
    """The authority in ``folder``; everything is made on first use and renewed a month before it expires."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def ca(self) -> Path:
        """The certificate that every party trusts."""
        cert, _ = self._pair("ca")
        if not _valid(cert):
            key = ec.generate_private_key(ec.SECP256R1())
            name = _name("Shouwang CA")
            usage = x509.KeyUsage(
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
            builder = (
                _builder(name, name, key.public_key(), CA_LIFE)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(usage, critical=True)
            )
            self._write("ca", builder.sign(key, hashes.SHA256()), key)
        return cert

    def server(self, name: str, hosts: Sequence[str]) -> tuple[Path, Path]:
        """(certificate, key) of a server reached under ``hosts`` (names or addresses)."""
        return self._leaf(name, ExtendedKeyUsageOID.SERVER_AUTH, hosts)

    def client(self, identity: str) -> tuple[Path, Path]:
        """(certificate, key) of a gateway or service; ``identity`` becomes the common name."""
        return self._leaf(identity, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def _leaf(self, name: str, usage: x509.ObjectIdentifier, hosts: Sequence[str]) -> tuple[Path, Path]:
        cert, key_file = self._pair(name)
        ca_file = self.ca
        if _valid(cert) and cert.stat().st_mtime >= ca_file.stat().st_mtime:
            return cert, key_file
        issuer = x509.load_pem_x509_certificate(ca_file.read_bytes())
        ca_key = serialization.load_pem_private_key(self._pair("ca")[1].read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_general_name(host) for host in hosts] or [x509.DNSName(name)]
        builder = (
            _builder(_name(name), issuer.subject, key.public_key(), LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        self._write(name, builder.sign(ca_key, hashes.SHA256()), key)
        return cert, key_file

    def _pair(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        cert_file, key_file = self._pair(name)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with contextlib.suppress(FileNotFoundError):
            key_file.unlink()
        with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _valid(cert: Path) -> bool:
    if not cert.exists():
        return False
    ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    return ends - datetime.datetime.now(datetime.UTC) > RENEW_BEFORE


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
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
