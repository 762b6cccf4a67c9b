"""Why a broker does not let somebody in, in words; and renewed certificates in use without a restart. Real brokers."""

import datetime as dt
import os
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from firmware_profiles.link import connection_watch, mqtt, tls
from firmware_profiles.link.connection_watch import WATCH, words
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.pki import Pki, _key, leaf
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration

NOW = dt.datetime.now(dt.UTC)


def signed(pki: Pki, identity: str, file: Path, life: dt.timedelta, names: tuple[x509.GeneralName, ...] = ()) -> None:
    """Write a certificate of ``identity`` for the key that it has, good for ``life`` from now on."""
    issuer = x509.load_pem_x509_certificate(pki.ca.read_bytes())
    key = _key(pki.client(identity)[1]).public_key()
    usages = [x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    made = leaf(issuer, _key(pki.folder / "ca.key"), identity, key, usages=usages, names=names, life=life)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def test_each_fault_of_ours_has_its_words(broker: TestBroker, pki: Pki, tmp_path: Path) -> None:
    good = broker.settings("gw-a")
    assert tls.explain(good) == ""
    signed(pki, "gw-a", tmp_path / "old.crt", -dt.timedelta(minutes=1))
    old = msgspec.structs.replace(good, cert=tmp_path / "old.crt")
    assert f"our certificate {tmp_path / 'old.crt'} (gw-a) expired on 20" in tls.explain(old)
    assert "not yet valid" in tls.explain(good, NOW - dt.timedelta(days=1))
    stranger = Pki(tmp_path / "other")
    assert "unknown authority: the broker's certificate" in tls.explain(msgspec.structs.replace(good, ca=stranger.ca))
    cert, key = stranger.client("gw-a")
    assert "unknown authority" in tls.explain(msgspec.structs.replace(good, cert=cert, key=key))
    assert "wants a certificate" in tls.explain(Broker(good.host, good.port, good.ca))
    assert "do not belong together" in tls.explain(msgspec.structs.replace(good, key=key))
    assert "cannot be reached" in tls.explain(msgspec.structs.replace(good, port=1))
    found = tls.ends(good)
    assert {"gw-a", "Shouwang CA", f"broker 127.0.0.1:{good.port}"} == set(found)
    assert all(end > NOW for end in found.values())


def test_a_revoked_or_unknown_identity_has_its_words(broker: TestBroker, tmp_path: Path) -> None:
    if broker.name == "nats":
        said = tls.explain(broker.server.settings("gw-nobody-allowed"))
        assert said == "not authorised: the broker does not know gw-nobody-allowed, or it was revoked"
    else:
        settings = broker.settings("gw-thief")
        broker.server.pki.revoke(["gw-thief"])
        broker.stop()
        broker.start()
        assert "revoked" in tls.explain(settings)
        assert tls.explain(broker.settings("gw-a")) == ""


class Answering:
    """A TLS server with any certificate."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                with self._context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(100)
            except ssl.SSLError:
                continue
            except OSError:
                return

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def own(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "own")


@pytest.mark.parametrize(
    ("life", "name", "said"),
    [
        (-dt.timedelta(minutes=1), "localhost", "expired on"),
        (dt.timedelta(days=1), "elsewhere.example", "wrong name: the broker's certificate"),
    ],
)
def test_each_fault_of_the_brokers_certificate_has_its_words(
    own: Pki, tmp_path: Path, life: dt.timedelta, name: str, said: str
) -> None:
    key = own.client("peer")[1]
    signed(own, "peer", tmp_path / "peer.crt", life, (x509.DNSName(name),))
    server = Answering(tmp_path / "peer.crt", key)
    try:
        assert said in tls.explain(Broker("localhost", server.port, own.ca, *own.client("svc-ingest")))
    finally:
        server.stop()


def test_the_log_says_why_and_never_unspecified(broker: TestBroker, pki: Pki, tmp_path: Path) -> None:
    good = broker.settings("gw-a")
    signed(pki, "gw-a", tmp_path / "old.crt", -dt.timedelta(minutes=1))
    old = msgspec.structs.replace(good, cert=tmp_path / "old.crt")
    client = mqtt.make_client(old, "gw-a", clean=True)
    said = threading.Event()
    with capture_logs() as logs:
        client.on_disconnect = client.on_connect_fail = lambda *_: said.set()
        mqtt.start(client, old)
        try:
            assert said.wait(20)
            for _ in range(200):
                if logs or threading.Event().wait(0.05):
                    break
        finally:
            mqtt.stop(client)
    assert "(gw-a) expired on" in str(logs)
    assert "Unspecified" not in str(logs)
    assert words("Unspecified error") == "the connection broke"


@pytest.fixture
def connected(broker: TestBroker, pki: Pki, tmp_path: Path) -> Iterator[tuple[Broker, "queue.Queue[int]"]]:
    good = broker.settings("gw-a")
    signed(pki, "gw-a", tmp_path / "gw.crt", dt.timedelta(days=20))
    settings = msgspec.structs.replace(good, cert=tmp_path / "gw.crt")
    connections: queue.Queue[int] = queue.Queue()
    client = mqtt.make_client(settings, "gw-a", clean=True)
    client.on_connect = lambda *_: connections.put(1)
    mqtt.start(client, settings)
    connections.get(timeout=20)
    yield settings, connections
    mqtt.stop(client)


def test_a_renewed_certificate_is_used_without_a_restart_and_a_bad_one_never(
    connected: tuple[Broker, "queue.Queue[int]"], broker: TestBroker, pki: Pki
) -> None:
    settings, connections = connected
    assert settings.cert is not None
    good = settings.cert.read_bytes()
    for bad in (b"half a fi", Pki(settings.cert.parent / "other").client("gw-a")[0].read_bytes()):
        settings.cert.write_bytes(bad)
        os.utime(settings.cert, ns=(1, len(bad)))
        with capture_logs() as logs:
            WATCH.look()
        assert "the old one stays in use" in str(logs)
        assert connections.empty()
    settings.cert.write_bytes(good)
    signed(pki, "gw-a", settings.cert, dt.timedelta(days=300))
    os.utime(settings.cert, ns=(1, 1))
    with capture_logs() as logs:
        WATCH.look()
    assert "renewed certificate in use" in str(logs)
    connections.get(timeout=20)


def test_what_replaces_an_expired_certificate_is_used_as_soon_as_the_broker_refuses_the_old_one(
    broker: TestBroker, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each minute until the next look an alert would wait."""
    monkeypatch.setattr(connection_watch, "LOOK_S", 3600.0)
    good = broker.settings("gw-a")
    signed(pki, "gw-a", tmp_path / "gw.crt", -dt.timedelta(minutes=1))
    settings = msgspec.structs.replace(good, cert=tmp_path / "gw.crt")
    client = mqtt.make_client(settings, "gw-a", clean=True)
    refused, let_in = threading.Event(), threading.Event()
    client.on_connect = lambda _c, _u, _f, reason, _p: None if reason.is_failure else let_in.set()
    client.on_disconnect = client.on_connect_fail = lambda *_: refused.set()
    mqtt.start(client, settings)
    try:
        assert refused.wait(20)
        signed(pki, "gw-a", tmp_path / "gw.crt", dt.timedelta(days=300))
        assert let_in.wait(40)
    finally:
        mqtt.stop(client)
