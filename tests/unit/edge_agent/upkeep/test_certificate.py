"""The gateway's own certificate: when it is renewed, and what it takes for a renewed one."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge_agent.upkeep.certificate import OwnCertificate
from firmware_profiles import wire
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.pki import LEAF_LIFE, Pki, _key, leaf
from shouwang.certificates.issuer import Issuer

NOW = dt.datetime.now(dt.UTC)


def own(pki: Pki, gateway: str, folder: Path) -> OwnCertificate:
    return OwnCertificate(gateway, Broker("b", 1, pki.ca, *pki.client(gateway)), folder / f"{gateway}.pem")


def command(chain: bytes) -> wire.Command:
    return wire.Command(wire.VERSION, "c", "certificate", 0, {}, chain)


def test_a_district_is_renewed_over_a_hundred_days_and_long_before_the_warnings(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    moments = sorted((own(pki, f"gw-{number:04d}", tmp_path).due_at - NOW).days for number in range(40))
    assert moments[0] >= LEAF_LIFE.days // 2 - 1
    assert moments[-1] <= LEAF_LIFE.days - 99
    assert moments[-1] - moments[0] > 60
    again = own(pki, "gw-0001", tmp_path)
    assert again.due_at == own(pki, "gw-0001", tmp_path).due_at


def test_a_renewed_certificate_is_used_after_a_restart_too(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    first = own(pki, "gw-a", tmp_path)
    renewed = Issuer(*pki.issuing).sign(first.request(), "gw-a", NOW, dt.timedelta(days=500))
    before = first.until_us
    assert "good until" in first.take(command(renewed.chain))
    assert first.take(command(renewed.chain)) == "in use already"
    assert own(pki, "gw-a", tmp_path).until_us == first.until_us > before
    (tmp_path / "gw-a.pem").write_bytes(b"a dying card")
    assert own(pki, "gw-a", tmp_path).until_us == before


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    pki, stranger = Pki(tmp_path / "pki"), Pki(tmp_path / "stranger")
    mine = own(pki, "gw-a", tmp_path)
    request = mine.request()
    issuer = Issuer(*pki.issuing)
    shorter = issuer.sign(request, "gw-a", NOW, dt.timedelta(days=10)).chain
    foreign = Issuer(*stranger.issuing).sign(request, "gw-a", NOW, dt.timedelta(days=500)).chain
    neighbour = own(pki, "gw-b", tmp_path)
    other_key = leaf(
        x509.load_pem_x509_certificate(pki.ca.read_bytes()),
        _key(pki.folder / "ca.key"),
        "gw-a",
        _key(pki.client("gw-b")[1]).public_key(),
    ).public_bytes(serialization.Encoding.PEM)
    for chain, words in (
        (b"nonsense", "no certificate"),
        (issuer.sign(neighbour.request(), "gw-b", NOW, dt.timedelta(days=500)).chain, "made out to"),
        (other_key, "another key"),
        (foreign, "not signed by our authority"),
        (shorter, "no later than ours"),
    ):
        with pytest.raises(ValueError, match=words):
            mine.take(command(chain))
