"""The certificate authority: identities, private keys, renewal."""

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

import shouwang.brokers.pki
from firmware_profiles.link.mqtt import Broker, session_name
from shouwang.brokers.pki import Pki


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_a_client_certificate_names_its_identity_and_is_signed(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    cert_file, key_file = pki.client("gw-yt-0001")
    cert = load(cert_file)
    assert cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "gw-yt-0001"
    cert.verify_directly_issued_by(load(pki.ca))
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    first = [Path(file).read_bytes() for file in (Pki(tmp_path).ca, *Pki(tmp_path).client("gw-a"))]
    assert first == [Path(file).read_bytes() for file in (Pki(tmp_path).ca, *Pki(tmp_path).client("gw-a"))]


def test_a_renewed_certificate_keeps_its_key_and_so_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = Pki(tmp_path)
    monkeypatch.setattr(shouwang.brokers.pki, "LEAF_LIFE", datetime.timedelta(days=20))
    cert, key = pki.client("gw-a")
    old, session = load(cert), session_name(Broker(key=key), "gw-a")
    monkeypatch.undo()
    cert, key = pki.client("gw-a")
    assert load(cert).not_valid_after_utc > old.not_valid_after_utc
    assert session_name(Broker(key=key), "gw-a") == session != session_name(Broker(key=pki.client("gw-b")[1]), "gw-a")


def test_a_gateways_pair_is_signed_by_the_issuing_authority_and_no_other(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    key = pki.client("gw-a")[1].read_bytes()  # of the time when ca.key signed gateways
    cert, key_file = pki.gateway("gw-a")
    above = load(pki.issuing[0])
    load(cert).verify_directly_issued_by(above)
    assert x509.load_pem_x509_certificates(cert.read_bytes())[1:] == [above]
    assert key_file.read_bytes() == key
    assert load(cert).not_valid_after_utc <= above.not_valid_after_utc
    before = cert.read_bytes()
    (tmp_path / "ca.key").rename(tmp_path / "in-a-safe")
    assert pki.gateway("gw-a")[0].read_bytes() == before
    load(pki.gateway("gw-b")[0]).verify_directly_issued_by(above)
    with pytest.raises(ValueError, match="cannot be an identity"):
        pki.gateway("../ca")


@pytest.mark.parametrize("name", ["", "a", "../ca", "gw/a", "GW-A", "gw_a", "-gw", "gw-a\n", "x" * 64])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="identity"):
        Pki(tmp_path).client(name)


def test_a_gateway_called_ca_does_not_replace_the_authority(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    before = pki.ca.read_bytes()
    pki.client("ca")
    assert pki.ca.read_bytes() == before


def test_a_lost_authority_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    (pki.ca.with_suffix(".key")).unlink()
    with pytest.raises(ValueError, match=r"ca\.key is missing"):
        pki.client("gw-a")
