"""The servers of the proof, and everything bad that can happen to them. All on loopback, in one folder."""

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import psycopg

from database.embedded import EmbeddedPostgres
from database.migrate import migrate
from firmware_profiles import mqtt, wire
from shouwang.broker import EmbeddedBroker, LocalBroker, Mosquitto
from shouwang.nats_cluster import NatsCluster
from shouwang.pki import Pki
from shouwang.processes import Child
from shouwang.verify.fleet import DEVICE, EVENT_DEVICE, Fleet

BROKERS: dict[str, type[LocalBroker | NatsCluster]] = {
    "nats": EmbeddedBroker,
    "nats-cluster": NatsCluster,
    "mosquitto": Mosquitto,
}
GAP_LOOK_S, GAP_AGE_S = 1.0, 3.0


class Fault(msgspec.Struct, frozen=True):
    """Something that happened: when (seconds since the beginning), what, and for how long."""

    at_s: float
    what: str
    seconds: float


class Servers:
    """Database, broker (of a cluster, one server after the other breaks) and so many workers of ingest; use as a
    context manager."""

    def __init__(self, folder: Path, broker: str, gateways: list[str], workers: int = 1) -> None:
        self.folder, self.gateways = folder, gateways
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.broker = BROKERS[broker](folder / "broker", Pki(folder / "pki"))
        self._workers = workers
        self._stack = contextlib.ExitStack()
        self._commands: paho.Client | None = None

    def __enter__(self) -> "Servers":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.postgres)
            migrate(self.postgres.url)
            _register(self.postgres.url, self.gateways)
            stack.enter_context(self.broker)
            self.broker.allow_gateways(self.gateways)
            self._ingest = [self._make_ingest(number) for number in range(self._workers)]
            for worker in self._ingest:
                worker.start()
                stack.callback(worker.stop)
            # what is published before ingest has a session is nobody's: that is not what is to be proved
            for worker in self._ingest:
                _await_subscription(worker)
            self._commands = mqtt.make_client(self.broker.settings("svc-console"), "verify-commands", clean=True)
            mqtt.start(self._commands, self.broker.settings("svc-console"))
            stack.callback(mqtt.stop, self._commands)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5)

    def faults(self, fleet: Fleet) -> dict[str, Callable[[random.Random, float], None]]:
        """By name: does it, and returns when it is over."""
        return {
            "ingest killed": lambda rng, s: self._end_ingest(rng, signal.SIGKILL, s),
            "ingest stopped": lambda rng, s: self._end_ingest(rng, signal.SIGTERM, s),
            "database killed": lambda _rng, s: self._end(self.postgres.kill, self.postgres.start, s),
            "database stopped": lambda _rng, s: self._end(self.postgres.stop, self.postgres.start, s),
            "broker killed": lambda _rng, s: self._end((server := self._server()).kill, server.start, s),
            "broker stopped": lambda _rng, s: self._end((server := self._server()).stop, server.start, s),
            "broker killed with what ingest has not fetched": lambda _rng, s: self._lose(s),
            "gateways cut off": lambda rng, s: _cut(fleet, rng, s),
            "sent twice": lambda rng, _s: self._ask_twice(rng),
        }

    def _server(self) -> LocalBroker:
        """What breaks next of the broker."""
        return self.broker.next_node() if isinstance(self.broker, NatsCluster) else self.broker

    def _end_ingest(self, rng: random.Random, number: signal.Signals, seconds: float) -> None:
        """One worker dies, and is started again as systemd would."""
        worker = rng.choice(self._ingest)
        if worker.pid is not None:
            os.kill(worker.pid, number)
        deadline = time.monotonic() + 20
        while worker.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        worker.stop()
        time.sleep(seconds)
        worker.start()

    def _lose(self, seconds: float) -> None:
        """What waits for ingest is in the broker's hands alone, and then the broker dies."""
        for worker in self._ingest:
            worker.stop()
        time.sleep(seconds)
        server = self._server()
        server.kill()
        server.start()
        for worker in self._ingest:
            worker.start()

    @staticmethod
    def _end(end: Callable[[], None], start: Callable[[], None], seconds: float) -> None:
        end()
        time.sleep(seconds)
        start()

    def _ask_twice(self, rng: random.Random) -> None:
        """Have some gateways send again what is stored: duplicates, out of order, mixed with what is fresh."""
        if self._commands is None or not self._commands.is_connected():
            return
        with self.connect() as conn:
            marks = conn.execute(
                "SELECT name, epoch, stream, high FROM ingest_stream JOIN gateway ON gateway.id = gateway_id"
            ).fetchall()
        for gateway, epoch, stream, high in rng.sample(marks, min(len(marks), 10)):
            first = rng.randint(1, max(1, int(str(high))))
            args: dict[str, wire.Scalar] = {
                "epoch": int(str(epoch)),
                "stream": str(stream),
                "first": first,
                "behind": first + rng.randint(1, 40),
            }
            command = wire.Command(wire.VERSION, f"twice-{rng.random()}", "resend", time.time_ns() // 1000, args)
            self._commands.publish(wire.topic(str(gateway), "commands"), wire.encode(command), qos=1)

    def _make_ingest(self, number: int) -> Child:
        broker = self.broker.settings("svc-ingest")
        fields = {f"SHOUWANG_BROKER_{key.upper()}": getattr(broker, key) for key in broker.__struct_fields__}
        environment = {key: str(value) for key, value in fields.items() if value} | {
            "SHOUWANG_DATABASE_URL": self.postgres.url,
            "SHOUWANG_INGEST_WORKER": f"ingest-{number}",
            "SHOUWANG_INGEST_WORKERS": str(self._workers),
            "SHOUWANG_INGEST_GAP_LOOK_S": str(GAP_LOOK_S),
            "SHOUWANG_INGEST_GAP_AGE_S": str(GAP_AGE_S),
        }
        log_file = self.folder / f"ingest-{number}.log"
        return Child(f"ingest-{number}", [sys.executable, "-m", "ingest"], environment, log_file)


def _await_subscription(worker: Child) -> None:
    deadline = time.monotonic() + 60
    while "subscribed" not in worker.log_tail(200):
        if time.monotonic() > deadline:
            raise TimeoutError(f"ingest does not start:\n{worker.log_tail()}")
        time.sleep(0.05)


def _cut(fleet: Fleet, rng: random.Random, seconds: float) -> None:
    """Some gateways stay away for longer than the fault: what they hold has become a backlog then."""
    fleet.cut(rng, 0.4, 8 * seconds)
    time.sleep(seconds)


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
