"""A revoked gateway is shut out of both brokers, as deploy/ configures them, open connection and all; nobody else."""

import datetime as dt
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import psycopg
import pytest
from typer.testing import CliRunner

from care_network.records import certificates
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import mosquitto_binary
from shouwang.brokers.pki import Pki
from shouwang.certificates.follow import follow
from shouwang.certificates.issuer import Issuer
from shouwang.certificates.service import IssuingService
from shouwang.certificates.settings import IssuerSettings
from shouwang.cli.main import app
from tests.support.brokers import HOW_TO_GET_MOSQUITTO
from tests.support.certificates import request_of
from tests.support.deployed_broker import DEPLOY, DeployedBroker
from tests.support.district import add_homes
from tests.support.services import in_thread

pytestmark = pytest.mark.integration

WITHIN_S = 60.0
"""What is promised; here it takes a second."""


class Client:
    """A client that notes when it is let in, what it hears, and when it is put out."""

    def __init__(self, settings: Broker, name: str, topic: str) -> None:
        self.let_in, self.heard, self.left = queue.Queue[int](), queue.Queue[bytes](), threading.Event()
        self.mqtt: paho.Client = mqtt.make_client(settings, name, clean=True)
        self.mqtt.on_connect = lambda c, *_: c.subscribe(topic, 1)
        self.mqtt.on_subscribe = lambda *_: self.let_in.put(1)
        self.mqtt.on_message = lambda _c, _u, message: self.heard.put(message.payload)
        self.mqtt.on_disconnect = lambda *_: self.left.set()
        mqtt.start(self.mqtt, settings)

    def send(self, topic: str, payload: bytes) -> None:
        self.mqtt.publish(topic, payload, qos=1)

    def stop(self) -> None:
        mqtt.stop(self.mqtt)


@contextmanager
def following(url: str, server: DeployedBroker) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(url, server.contents, server.reload, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture(params=["mosquitto", "nats"])
def server(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[DeployedBroker]:
    if request.param == "mosquitto" and mosquitto_binary() is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    add_homes(database_url, ["gw-thief", "gw-honest"])
    broker = DeployedBroker(tmp_path / "broker", Pki(tmp_path / "pki"), database_url, request.param)
    try:
        yield broker
    finally:
        broker.stop()


def until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize("signed_by", ["authority", "issuing authority"])
def test_a_revoked_gateway_is_shut_out_within_a_minute_and_nobody_else(
    server: DeployedBroker, database_url: str, tmp_path: Path, signed_by: str
) -> None:
    thief_settings = server.settings("gw-thief")
    issuer = Issuer(*server.pki.issuing)
    now = dt.datetime.now(dt.UTC)
    with psycopg.connect(database_url, autocommit=True) as conn, following(database_url, server):
        certificates.keep_list(conn, issuer.name, issuer.revocation_list(()), now)
        if signed_by == "issuing authority":
            key, request = request_of("gw-thief")
            issued = issuer.sign(request, "gw-thief", now)
            certificates.note_issued(conn, "gw-thief", issued.serial, issued.key_hash, now, issued.expires_at)
            (tmp_path / "thief.crt").write_bytes(issued.chain)
            (tmp_path / "thief.key").write_bytes(key)
            thief_settings = Broker(
                "127.0.0.1", server.port, server.pki.ca, tmp_path / "thief.crt", tmp_path / "thief.key"
            )
        ingest = Client(server.settings("svc-ingest"), "ingest", wire.subscription("events"))
        honest = Client(server.settings("gw-honest"), "gw-honest", wire.topic("gw-honest", "commands"))
        thief = Client(thief_settings, "gw-thief", wire.topic("gw-thief", "commands"))
        try:
            for client in (ingest, honest, thief):
                client.let_in.get(timeout=30)
            thief.send(wire.topic("gw-thief", "events"), b"before")
            assert ingest.heard.get(timeout=10) == b"before"
            honest.left.clear()

            certificates.revoke(conn, "gw-thief", now, "admin", "stolen")
            certificates.keep_list(conn, issuer.name, issuer.revocation_list(certificates.revoked_serials(conn)), now)

            # mute on its open connection, or out: nothing that it says after a minute at most is heard
            def silenced() -> bool:
                while not ingest.heard.empty():
                    ingest.heard.get()
                thief.send(wire.topic("gw-thief", "events"), b"forged")
                honest.send(wire.topic("gw-honest", "events"), b"true")
                return ingest.heard.get(timeout=20) == b"true" and ingest.heard.empty()

            until(silenced, "the thief is still heard")
            if server.sort == "nats":
                assert thief.left.wait(WITHIN_S), "its open connection stays"
                assert "revoked" in tls.explain(thief_settings)
            elif signed_by == "issuing authority":  # the list of the other one is made where its key is
                until(lambda: "revoked" in tls.explain(thief_settings), "let in again")
            assert not honest.left.is_set()
            assert tls.explain(server.settings("gw-honest")) == ""
        finally:
            for client in (ingest, honest, thief):
                client.stop()


def test_setups_own_gateway_once_revoked_is_refused_by_mosquitto(database_url: str, tmp_path: Path) -> None:
    if mosquitto_binary() is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    root = tmp_path / "root"
    (root / "etc/shouwang").mkdir(parents=True)
    (root / "etc/shouwang/setup.toml").write_text((DEPLOY / "setup.example.toml").read_text())
    done = CliRunner().invoke(app, ["setup", "--root", str(root)])
    assert done.exit_code == 0, done.output
    files = root / "etc/shouwang/tls"
    add_homes(database_url, ["gw-0001"])
    server = DeployedBroker(tmp_path / "broker", Pki(root / "etc/shouwang/pki"), database_url, "mosquitto")

    def identity(name: str) -> Broker:
        return Broker("127.0.0.1", server.port, files / "ca.crt", files / f"{name}.crt", files / f"{name}.key")

    settings = IssuerSettings(cert=files / "issuing.crt", key=files / "issuing.key")
    service = IssuingService(settings, DatabaseSettings(url=database_url), identity("svc-issuer"))
    try:
        with (
            psycopg.connect(database_url, autocommit=True) as conn,
            following(database_url, server),
            in_thread(service.run),
        ):
            until(lambda: tls.explain(identity("gw-0001")) == "", "setup's gateway is not let in")
            noted = "SELECT array_agg(gateway ORDER BY gateway) FROM issued_certificate"
            everyone = (["gw-0001", "gw-path-1", "gw-path-2"],)
            until(lambda: conn.execute(noted).fetchone() == everyone, "what setup signed is not noted")
            certificates.revoke(conn, "gw-0001", dt.datetime.now(dt.UTC), "admin", "stolen")
            until(lambda: "revoked" in tls.explain(identity("gw-0001")), "let in again")
            assert tls.explain(identity("gw-path-1")) == ""
    finally:
        server.stop()
