"""A cluster of three NATS servers lets no certificate of a gateway, a service or a listener in as a fourth server."""

import contextlib
import dataclasses
import datetime as dt
import json
import queue
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import Member, Tls, nats_config
from shouwang.brokers.local import EmbeddedBroker, free_port, nats_binary
from shouwang.brokers.nats_cluster import NatsCluster
from shouwang.brokers.pki import Pki
from shouwang.doctor import broker as doctor

pytestmark = pytest.mark.integration

REFUSED = "TLS route handshake error"
TRIES = 3
"""Refused attempts after which the rogue is taken to be kept out; it tries every second or so."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with NatsCluster(folder / "nodes", Pki(folder / "pki")) as servers:
        servers.allow_gateways(["gw-a", "gw-b"])
        yield servers


class Rogue(EmbeddedBroker):
    """A fourth server of the thief's own, whose listener and routes have whatever certificate it got hold of."""

    stolen: tuple[Path, Path]

    def _write_configuration(self, port: int) -> Path:
        thief = Tls(self.pki.ca, *self.pki.server("rogue", ["127.0.0.1"]))
        content = nats_config(port, self.data_dir / "js", thief, ["gw-a", "gw-b"], member=self.member)
        file = self.data_dir / "nats.conf"
        file.write_text(json.dumps(content))
        return file


def heard_by(settings: Broker, name: str, topic: str) -> tuple[paho.Client, "queue.Queue[bytes]"]:
    """A client of this identity, and what it hears on the topic. Raises queue.Empty where it is not let in."""
    heard: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[int] = queue.Queue()
    client = mqtt.make_client(settings, name, clean=True)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_subscribe = lambda *_: ready.put(1)
    client.on_message = lambda _c, _u, message: heard.put(message.payload)
    mqtt.start(client, settings)
    ready.get(timeout=20)
    return client, heard


@pytest.mark.parametrize("stolen", ["gateway", "listener"])
def test_a_rogue_server_with_another_certificate_of_ours_can_not_join_read_or_forge(
    cluster: NatsCluster, tmp_path: Path, stolen: str
) -> None:
    pki = cluster.pki
    pair = {
        "gateway": pki.client("gw-a"),
        "listener": pki.server("broker", ["localhost", "127.0.0.1"]),
    }[stolen]
    first = cluster.nodes[0].member
    assert first is not None
    port = free_port()
    # The rogue itself trusts everybody who is in the cluster: only the others' refusal counts.
    rogue = Rogue(tmp_path / "rogue", pki)
    own = Tls(pki.cluster.ca, *pair)
    rogue.member = dataclasses.replace(first, name="rogue", port=port, routes=(*first.routes, port), tls=own)
    configuration = rogue._write_configuration(free_port())
    before = sum(node.log_file.read_text().count(REFUSED) for node in cluster.nodes)
    process = subprocess.Popen(
        [nats_binary(), "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    clients = []
    try:
        deadline = time.monotonic() + 30
        while sum(node.log_file.read_text().count(REFUSED) for node in cluster.nodes) < before + TRIES:
            assert time.monotonic() < deadline, "the rogue was never refused"
            assert process.poll() is None
            time.sleep(0.05)
        settings = cluster.settings("gw-b")
        victim, commands = heard_by(settings, "gw-b", wire.topic("gw-b", "commands"))
        clients.append(victim)
        victim.publish(wire.topic("gw-b", "events"), b"true", qos=1).wait_for_publish(10)
        # the honest servers know three servers, no fourth one
        assert not [node for node in cluster.nodes if '"rogue"' in node.log_file.read_text()]
        assert commands.empty()
    finally:
        for client in clients:
            mqtt.stop(client)
        process.kill()
        process.wait()


def test_a_stranger_gets_no_answer_from_the_routes_port(cluster: NatsCluster) -> None:
    """Spoken by hand: the route's handshake fails before a subscription to everything can be asked for."""
    member = cluster.nodes[0].member
    assert member is not None
    for pair in (None, cluster.pki.client("gw-a"), cluster.pki.client("svc-console")):
        context = ssl.create_default_context(cafile=str(cluster.pki.cluster.ca))
        if pair:
            context.load_cert_chain(*pair)
        answer = b""
        with (
            contextlib.suppress(OSError),  # TLS 1.3 tells of a refusal at the first read
            socket.create_connection(("127.0.0.1", member.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(b'CONNECT {"name":"rogue","verbose":true}\r\nRS+ $G >\r\n')
            answer = secure.recv(4096)
        assert not answer


def test_no_gateway_can_stand_in_for_the_broker(cluster: NatsCluster) -> None:
    """A gateway named like the broker's host has no certificate that a client would take for the broker's."""
    certificate, key = cluster.pki.client("localhost")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    asked = ssl.create_default_context(cafile=str(cluster.pki.ca))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asked.wrap_bio(incoming, outgoing, server_hostname="localhost")
    server = served.wrap_bio(outgoing, incoming, server_side=True)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        client.do_handshake()


def test_the_doctor_says_that_there_is_no_majority(cluster: NatsCluster) -> None:
    def row() -> doctor.Check:
        found = doctor.broker_checks("svc-console", cluster.settings("svc-console"), dt.datetime.now(dt.UTC))
        return next(one for one in found if one.what == "broker as svc-console")

    assert row().good, row().text
    for node in cluster.nodes[1:]:
        node.kill()
    try:
        found = row()
        assert not found.good
        assert "do two of three servers run?" in found.text
    finally:
        cluster.start()


def test_the_servers_listen_for_clients_of_mqtt_and_routes_alone() -> None:
    tls = Tls(Path("ca"), Path("cert"), Path("key"))
    content = nats_config(1, Path("store"), tls, ["gw-a"], member=Member("a", 2, (2,), tls))
    assert not {"http", "https", "http_port", "monitor_port", "leafnodes", "websocket", "gateway"} & set(content)
    assert content["host"] == "127.0.0.1"
    text = (Path(__file__).parents[4] / "deploy" / "nats" / "nats.conf").read_text()
    assert [line for line in text.splitlines() if line.startswith("http")] == ['http: "127.0.0.1:8222"']
    for word in ("https", "leafnodes", "websocket", "gateway {", "0.0.0.0:6222"):
        assert word not in text.replace("gateways", "")
    assert "cluster-ca.crt" in text.split("cluster {")[1]
    assert "/ca.crt" not in text.split("cluster {")[1].split("# Written")[0].replace("cluster-ca.crt", "")
