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
from shouwang.pki import Pki
from shouwang.processes import Child
from shouwang.verify.fleet import DEVICE, EVENT_DEVICE, Fleet

BROKERS: dict[str, type[LocalBroker]] = {"nats": EmbeddedBroker, "mosquitto": Mosquitto}
GAP_LOOK_S, GAP_AGE_S = 1.0, 3.0


class Fault(msgspec.Struct, frozen=True):
    """Something that happened: when (seconds since the beginning), what, and for how long."""

    at_s: float
    what: str
    seconds: float


class Servers:
    """Database, broker and ingest; use as a context manager."""

    def __init__(self, folder: Path, broker: str, gateways: list[str]) -> None:
        self.folder, self.gateways = folder, gateways
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.broker = BROKERS[broker](folder / "broker", Pki(folder / "pki"))
        self._stack = contextlib.ExitStack()
        self._commands: paho.Client | None = None

    def __enter__(self) -> "Servers":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.postgres)
            migrate(self.postgres.url)
            _register(self.postgres.url, self.gateways)
            stack.enter_context(self.broker)
            self.broker.allow_gateways(self.gateways)
            self._ingest = self._make_ingest()
            self._ingest.start()
            stack.callback(self._ingest.stop)
            # what is published before ingest has a session is nobody's: that is not what is to be proved
            deadline = time.monotonic() + 60
            while "connected to the broker" not in self._ingest.log_tail(200):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"ingest does not start:\n{self._ingest.log_tail()}")
                time.sleep(0.05)
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
            "ingest killed": lambda _rng, s: self._end_ingest(signal.SIGKILL, s),
            "ingest stopped": lambda _rng, s: self._end_ingest(signal.SIGTERM, s),
            "database killed": lambda _rng, s: self._end(self.postgres.kill, self.postgres.start, s),
            "database stopped": lambda _rng, s: self._end(self.postgres.stop, self.postgres.start, s),
            "broker killed": lambda _rng, s: self._end(self.broker.kill, self.broker.start, s),
            "broker stopped": lambda _rng, s: self._end(self.broker.stop, self.broker.start, s),
            "gateways cut off": lambda rng, s: _cut(fleet, rng, s),
            "sent twice": lambda rng, _s: self._ask_twice(rng),
        }

    def _end_ingest(self, number: signal.Signals, seconds: float) -> None:
        if self._ingest.pid is not None:
            os.kill(self._ingest.pid, number)
        deadline = time.monotonic() + 20
        while self._ingest.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._ingest.stop()
        time.sleep(seconds)
        self._ingest.start()

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

    def _make_ingest(self) -> Child:
        broker = self.broker.settings("svc-ingest")
        fields = {f"SHOUWANG_BROKER_{key.upper()}": getattr(broker, key) for key in broker.__struct_fields__}
        environment = {key: str(value) for key, value in fields.items() if value} | {
            "SHOUWANG_DATABASE_URL": self.postgres.url,
            "SHOUWANG_INGEST_GAP_LOOK_S": str(GAP_LOOK_S),
            "SHOUWANG_INGEST_GAP_AGE_S": str(GAP_AGE_S),
        }
        return Child("ingest", [sys.executable, "-m", "ingest"], environment, self.folder / "ingest.log")


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
