"""The servers of the proof and the lines between them. All on loopback, in one folder."""

import contextlib
import sys
import time
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import psycopg

from database.migrate import migrate
from database.server.embedded import EmbeddedPostgres, PostgresServer
from database.server.timescaledb import HOW_TO_GET_TIMESCALEDB, server_conf, timescaledb_bin_dir
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import EmbeddedBroker, LocalBroker, Mosquitto
from shouwang.brokers.nats_cluster import NatsCluster
from shouwang.brokers.pki import Pki
from shouwang.platform.processes import Child
from shouwang.verify.fleet import DEVICE, EVENT_DEVICE
from shouwang.verify.lines import Relay

BROKERS: dict[str, type[LocalBroker | NatsCluster]] = {
    "nats": EmbeddedBroker,
    "nats-cluster": NatsCluster,
    "mosquitto": Mosquitto,
}
DATABASES = ("plain", "timescaledb")
HOME_LINES = 5
GAP_LOOK_S, GAP_AGE_S = 1.0, 3.0


class Servers:
    """Database, broker and so many workers of ingest; use as a context manager. Ingest reaches the others over
    ``database_line`` and ``broker_line``, the homes the broker over ``home_lines``."""

    def __init__(
        self, folder: Path, broker: str, database: str, gateways: list[str], ingest: str = "ingest", workers: int = 1
    ) -> None:
        self.folder, self.gateways, self._ingest_module = folder, gateways, ingest
        self.postgres = make_database(database, folder / "postgres")
        self.broker = BROKERS[broker](folder / "broker", Pki(folder / "pki"))
        self._count = workers
        for server in self.broker.nodes if isinstance(self.broker, NatsCluster) else [self.broker]:
            if isinstance(server, EmbeddedBroker):
                server.divides = workers > 1
        self.database_line = Relay(lambda: self.postgres.port)
        self.broker_line = Relay(lambda: self.broker.port)
        self.home_lines = [Relay(lambda: self.broker.port) for _ in range(HOME_LINES)]
        self._stack = contextlib.ExitStack()
        self._commands: paho.Client | None = None

    def __enter__(self) -> "Servers":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.postgres)
            migrate(self.postgres.url)
            _register(self.postgres.url, self.gateways)
            stack.enter_context(self.broker)
            self.broker.allow_gateways(self.gateways)
            for line in (self.database_line, self.broker_line, *self.home_lines):
                stack.enter_context(line)
            self.workers = [self._make_ingest(number) for number in range(self._count)]
            for worker in self.workers:
                worker.start()
                stack.callback(worker.stop)
            # messages published before ingest has a session are lost by design, and not part of the proof
            for worker in self.workers:
                _await_subscription(worker)
            self._commands = mqtt.make_client(self.broker.settings("svc-console"), "verify-commands", clean=True)
            mqtt.start(self._commands, self.broker.settings("svc-console"))
            stack.callback(mqtt.stop, self._commands)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def home(self, gateway: str) -> Broker:
        """Settings with which a gateway connects: over the line that it shares with some others."""
        line = self.home_lines[self.gateways.index(gateway) % HOME_LINES]
        return msgspec.structs.replace(self.broker.settings(gateway), port=line.port)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5)

    def send_again(self, gateway: str, args: dict[str, wire.Scalar]) -> None:
        """Tell a gateway to send what it sent before; nothing happens while the broker is away."""
        if self._commands is not None and self._commands.is_connected():
            name = f"twice-{time.time_ns()}"
            command = wire.Command(wire.VERSION, name, "resend", time.time_ns() // 1000, args)
            self._commands.publish(wire.topic(gateway, "commands"), wire.encode(command), qos=1)

    def breakable(self) -> LocalBroker:
        """Return the broker to break next: of a cluster, one server after the other."""
        return self.broker.next_node() if isinstance(self.broker, NatsCluster) else self.broker

    def _make_ingest(self, number: int) -> Child:
        broker = msgspec.structs.replace(self.broker.settings("svc-ingest"), port=self.broker_line.port)
        fields = {f"SHOUWANG_BROKER_{key.upper()}": getattr(broker, key) for key in broker.__struct_fields__}
        environment = {key: str(value) for key, value in fields.items() if value} | {
            "SHOUWANG_DATABASE_URL": self.postgres.url.replace(
                f":{self.postgres.port}/", f":{self.database_line.port}/"
            ),
            "SHOUWANG_INGEST_WORKER": f"ingest-{number}",
            "SHOUWANG_INGEST_WORKERS": str(self._count),
            "SHOUWANG_INGEST_BY_SHARD": str(isinstance(self.broker, Mosquitto)),
            "SHOUWANG_INGEST_GAP_LOOK_S": str(GAP_LOOK_S),
            "SHOUWANG_INGEST_GAP_AGE_S": str(GAP_AGE_S),
        }
        name = f"ingest-{number}"
        return Child(name, [sys.executable, "-m", self._ingest_module], environment, self.folder / f"{name}.log")


def _await_subscription(worker: Child) -> None:
    deadline = time.monotonic() + 60
    while "subscribed" not in worker.log_tail(200):
        if time.monotonic() > deadline:
            raise TimeoutError(f"ingest does not start:\n{worker.log_tail()}")
        time.sleep(0.05)


def make_database(kind: str, folder: Path) -> PostgresServer:
    """Make a server without starting it. Raises RuntimeError where this machine has none of this kind."""
    if kind == "plain":
        return EmbeddedPostgres(folder)
    binaries = timescaledb_bin_dir()
    if binaries is None:
        raise RuntimeError(HOW_TO_GET_TIMESCALEDB)
    return PostgresServer(binaries, folder, server_conf(binaries))


def _register(url: str, gateways: list[str]) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('proof', 'district', '验证', 'Proof')")
        with conn.cursor() as cursor:
            cursor.executemany(
                """
                WITH home AS (
                    INSERT INTO household (code, area_id, address_zh, address_en)
                    SELECT %s, id, '验证', 'Proof' FROM area LIMIT 1 RETURNING id
                ), door AS (INSERT INTO gateway (name, household_id) SELECT %s, id FROM home RETURNING id)
                INSERT INTO device (gateway_id, name, model) SELECT id, name, model
                FROM door, (VALUES (%s, 'seeed-mr60bha2'), (%s, 'sonoff-snzb-01p')) AS found (name, model)
                """,
                [(f"P{i:05d}", name, DEVICE, EVENT_DEVICE) for i, name in enumerate(gateways, 1)],
            )
