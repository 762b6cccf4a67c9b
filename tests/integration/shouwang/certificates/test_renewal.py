"""Certificates for years: an agent renews its own over MQTT, a new gateway enrols with a code; on both brokers."""

import datetime as dt
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from care_network.records import certificates
from care_network.records.certificates import EnrolmentError
from database.settings import DatabaseSettings
from edge_agent.__main__ import main as edge
from firmware_profiles import wire
from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import LocalBroker, free_port
from shouwang.brokers.pki import Pki, _key, leaf
from shouwang.certificates import renewal
from shouwang.certificates.issuer import Issuer, RequestRefusedError
from shouwang.certificates.service import IssuingService
from shouwang.certificates.settings import IssuerSettings
from shouwang.cli.main import app
from tests.support.brokers import BROKERS, HOW_TO_GET_MOSQUITTO, make_broker
from tests.support.certificates import request_of
from tests.support.district import add_homes

pytestmark = pytest.mark.integration

YEAR = dt.timedelta(days=365)
HOME = """
gateway = "{gateway}"
[broker]
host = "127.0.0.1"
port = {port}
ca = "{tls}/ca.crt"
cert = "{tls}/gw.crt"
key = "{tls}/gw.key"
[buffer]
path = "{folder}/buffer.db"
[[devices]]
name = "gateway"
model = "gateway"
[[drivers]]
kind = "simulated"
options = {{ seed = 1 }}
"""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Issuing:
    """The issuing service in a thread, with its page on a loopback port."""

    def __init__(self, broker: LocalBroker, url: str) -> None:
        pki = broker.pki
        cert, key = pki.issuing
        server = pki.server("enrolment", ["127.0.0.1"])
        self.port = free_port()
        settings = IssuerSettings(
            cert=cert, key=key, enrolment_port=self.port, enrolment_cert=server[0], enrolment_key=server[1]
        )
        self._stop = threading.Event()
        service = IssuingService(settings, DatabaseSettings(url=url), broker.settings("svc-issuer"))
        self._thread = threading.Thread(target=service.run, args=(self._stop,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)


@pytest.fixture(params=sorted(BROKERS))
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalBroker]:
    pki = Pki(tmp_path / "pki")
    pki.issuing  # noqa: B018 - made before the broker's revocation lists
    server = make_broker(request.param, tmp_path / "broker", pki)
    if server is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    with server:
        server.allow_gateways(["gw-a", "gw-b"])
        yield server


@pytest.fixture
def issuing(local: LocalBroker, database_url: str) -> Iterator[Issuing]:
    add_homes(database_url, ["gw-a", "gw-b"])
    service = Issuing(local, database_url)
    yield service
    service.stop()


def home(folder: Path, local: LocalBroker, gateway: str) -> Path:
    (folder / "tls").mkdir()
    file = folder / "home.toml"
    file.write_text(HOME.format(gateway=gateway, port=local.port, tls=folder / "tls", folder=folder))
    return file


def ends(file: Path) -> dt.datetime:
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def test_a_gateway_renews_its_certificate_by_itself_and_the_district_sees_it(
    local: LocalBroker, issuing: Issuing, database_url: str, tmp_path: Path
) -> None:
    file = home(tmp_path, local, "gw-a")
    installed = tmp_path / "tls" / "gw.crt"
    ca = x509.load_pem_x509_certificate(local.pki.ca.read_bytes())
    key = local.pki.client("gw-a")[1]
    short = leaf(ca, _key(local.pki.folder / "ca.key"), "gw-a", _key(key).public_key(), life=dt.timedelta(minutes=1))
    installed.write_bytes(short.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "tls" / "gw.key").write_bytes(key.read_bytes())
    (tmp_path / "tls" / "ca.crt").write_bytes(local.pki.ca.read_bytes())
    told: list[int] = []
    ingest = mqtt.make_client(local.settings("svc-ingest"), "ingest", clean=True)
    ingest.on_connect = lambda c, *_: c.subscribe(wire.subscription("status"), 1)
    ingest.on_message = lambda _c, _u, m: told.append(wire.decode(wire.Status, m.payload).certificate_until_us)
    mqtt.start(ingest, local.settings("svc-ingest"))
    with (tmp_path / "log").open("wb") as log:
        agent = subprocess.Popen([sys.executable, "-m", "edge_agent", "--config", file], stdout=log, stderr=log)
    renewed = tmp_path / "buffer.certificate.pem"
    try:
        deadline = time.monotonic() + 60
        while not (told and told[-1] > (now() + dt.timedelta(days=300)).timestamp() * 1e6):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            assert agent.poll() is None
            time.sleep(0.05)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(20)
        mqtt.stop(ingest)
    assert ends(renewed) - now() > dt.timedelta(days=390)
    assert ends(installed) - now() < dt.timedelta(minutes=2), "the installed file is not ours to write"
    in_use = Broker("127.0.0.1", local.port, local.pki.ca, renewed, tmp_path / "tls" / "gw.key")
    assert tls.explain(in_use) == "", "the broker does not take the issuing authority's certificate"
    assert mqtt.session_name(in_use, "gw-a") == mqtt.session_name(local.settings("gw-a"), "gw-a")
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT gateway FROM issued_certificate").fetchall() == [("gw-a",)]


def code_for(url: str, gateway: str, ca: Path) -> str:
    done = CliRunner().invoke(app, ["gateways", "enrol", gateway, "--url", url, "--as", "admin", "--ca", str(ca)])
    assert done.exit_code == 0, done.output
    (code,) = re.findall(r"^\S+\.[0-9a-f]{32}\.[0-9a-f]{32}$", done.output, re.MULTILINE)
    return str(code)


def test_a_new_gateway_enrols_with_a_code_once(
    local: LocalBroker, issuing: Issuing, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
            " VALUES ('admin', '-', '管', 'A', 'admin', 'd')"
        )
    file = home(tmp_path, local, "gw-b")
    code = code_for(database_url, "gw-b", local.pki.ca)
    with psycopg.connect(database_url) as conn:
        stored = conn.execute("SELECT enrolment_code::text FROM enrolment_code").fetchone()
        assert stored is not None
        assert code.split(".")[1] not in stored[0], "the code is stored"
    name, secret, fingerprint = code.split(".")
    deadline = time.monotonic() + 20
    while tls._explain_plain(Broker("127.0.0.1", issuing.port)):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    def enrol(with_code: str) -> tuple[int, str]:
        status = edge(["--config", str(file), "--enrol", with_code, "--at", issuing.address])
        said = capsys.readouterr()
        return status, said.out + said.err

    assert "another authority" in enrol(f"{name}.{secret}.{'0' * 32}")[1]
    assert "opens nothing" in enrol(f"{name}.{'0' * 32}.{fingerprint}")[1]
    assert "is for gw-a" in enrol(f"gw-a.{secret}.{fingerprint}")[1]
    assert enrol(code)[0] == 0
    assert oct((tmp_path / "tls" / "gw.key").stat().st_mode & 0o007) == "0o0"
    configured = Broker(
        "127.0.0.1", local.port, *((tmp_path / "tls" / file) for file in ("ca.crt", "gw.crt", "gw.key"))
    )
    assert tls.explain(configured) == ""
    status, said = enrol(code)
    assert (status, "opens nothing" in said) == (2, True), "a code opens twice"


def test_no_request_gets_another_identity_or_key(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-a"])
    issuer = Issuer(*Pki(tmp_path / "pki").issuing)
    _, request = request_of("gw-a")
    with psycopg.connect(database_url, autocommit=True) as conn:

        def renew(content: bytes, gateway: str = "gw-a", at: dt.datetime | None = None) -> str:
            try:
                renewal.renew(conn, issuer, gateway, content, at or now(), YEAR)
            except RequestRefusedError as error:
                return str(error)
            return ""

        assert "made out to ['svc-ingest']" in renew(request_of("svc-ingest")[1])
        assert "no certificate request" in renew(b"\0nonsense")
        assert "not in the registry" in renew(request_of("gw-new")[1], "gw-new")
        forged = x509.load_pem_x509_csr(request).public_bytes(serialization.Encoding.DER)
        broken = forged[:-1] + bytes([forged[-1] ^ 1])
        pem = x509.load_der_x509_csr(broken).public_bytes(serialization.Encoding.PEM)
        assert "not signed by the key" in renew(pem)
        assert renew(request) == ""
        assert "already" in renew(request)
        later = now() + dt.timedelta(hours=1)
        assert "another key" in renew(request_of("gw-a")[1], at=later)
        assert renew(request, at=later) == ""
        certificates.revoke(conn, "gw-a", now(), "admin", "stolen")
        assert "revoked" in renew(request, at=later + dt.timedelta(hours=1))
        with pytest.raises(EnrolmentError, match="never comes back"):
            certificates.make_code(conn, "gw-a", now(), YEAR)


def test_a_code_is_good_for_its_time_and_its_gateway_alone(database_url: str) -> None:
    add_homes(database_url, ["gw-a", "gw-b"])
    hour = dt.timedelta(hours=1)
    with psycopg.connect(database_url, autocommit=True) as conn:
        code = certificates.make_code(conn, "gw-a", now(), hour)
        for gateway, given, at in (("gw-b", code, now()), ("gw-a", code, now() + 2 * hour), ("gw-a", "x", now())):
            with pytest.raises(EnrolmentError):
                certificates.use_code(conn, gateway, given, at)
        newer = certificates.make_code(conn, "gw-a", now(), hour)
        with pytest.raises(EnrolmentError):
            certificates.use_code(conn, "gw-a", code, now())
        certificates.use_code(conn, "gw-a", newer, now())
        with pytest.raises(EnrolmentError):
            certificates.use_code(conn, "gw-a", newer, now())


def test_a_pair_of_setups_binds_renewals_to_its_key_until_the_gateway_has_enrolled(
    database_url: str, tmp_path: Path
) -> None:
    add_homes(database_url, ["gw-a"])
    pki, hour = Pki(tmp_path / "pki"), dt.timedelta(hours=1)
    issuer, setups = Issuer(*pki.issuing), pki.gateway("gw-a")[0].read_bytes()
    _, own = request_of("gw-a")
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert not renewal.note_signed(conn, issuer, pki.client("svc-ingest")[0].read_bytes())
        for _ in range(2):
            assert renewal.note_signed(conn, issuer, setups)
        assert conn.execute("SELECT gateway FROM issued_certificate").fetchall() == [("gw-a",)]
        with pytest.raises(RequestRefusedError, match="another key"):
            renewal.renew(conn, issuer, "gw-a", own, now() + hour, YEAR)
        code = certificates.make_code(conn, "gw-a", now(), hour)
        renewal.enrol(conn, issuer, "gw-a", code, own, now(), YEAR)
        (pki.folder / "clients/gw-a.crt").unlink()
        assert renewal.note_signed(conn, issuer, pki.gateway("gw-a")[0].read_bytes()), "setup renews its own pair"
        renewal.renew(conn, issuer, "gw-a", own, now() + hour, YEAR)
        certificates.revoke(conn, "gw-a", now(), "admin", "stolen")
        assert len(certificates.revoked_serials(conn)) == 4
