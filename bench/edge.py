"""Measure one gateway, ``python -m edge_agent`` for a full home: alone, and with a quarter of one core.

The agent is a process of its own on a real local broker over TLS, with the libraries of a gateway alone. The home: a
pendant that streams 200 Hz of acceleration and angular rate without a break (recorded falls, one after the other), and
the ten or more other devices of a demonstration home at their usual rates. The simulated driver runs inside the
measured process and is counted with it; the pendant's signal is read from memory, not computed. What SQLite writes is
read from its write-ahead log: the pages in it and the count of its transactions (SQLite documentation, "WAL-mode File
Format").
"""

import contextlib
import os
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from rich.console import Console

from bench.alert_latency import connected
from bench.district import IDENTITY
from bench.figures import Figure, quick
from bench.gateway_environment import command_of, install
from bench.quota import NoQuotaError, quota
from database.server.guardian import start_guarded
from device_simulators.homes import demo_home
from edge_agent.outbox.outbox import Totals, read_totals
from edge_agent.updates.signed_config import write_public_key
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers import config as broker_config
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.homes import write_home
from vocabulary.times import DAY_S, HOUR_S

WARM_UP_S = 10.0
LIMIT_MB, LIMIT_CPU, LIMIT_START_S, LIMIT_WRITTEN_MB = 120.0, 5.0, 3.0, 200.0
SHARE = 0.25
"""Of one core: what a Raspberry Pi Zero 2 has beside a machine of today, roughly."""
GATEWAY = "gw-bench-edge"
FALLS = ["SA01_F01_R01", "SA01_F08_R01", "SA02_F15_R02"]
_PAGE_HEAD = 24
"""Bytes before each page in SQLite's write-ahead log."""


class Measured(msgspec.Struct, frozen=True):
    """A gateway's figures: MB, share of a core in %, s to the first frame, worst s from impact to the broker, falls,
    MB that SQLite writes a day, its commits in an hour, and readings a minute."""

    memory_mb: float
    share: float
    start_s: float
    impact_s: float
    falls: int
    written_mb: float
    commits: float
    readings: float


class _Ear:
    """Hears what the gateway publishes."""

    def __init__(self) -> None:
        self.first_frame = threading.Event()
        self.impacts_s: list[float] = []

    def hear(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        now_us = time.time_ns() / 1000
        if message.topic.endswith("/readings"):
            self.first_frame.set()
            return
        event = wire.decode(wire.Event, bytes(message.payload))
        if event.kind == "fall_suspected":
            self.impacts_s.append((now_us - event.time_us) / 1e6)


def run() -> list[Figure]:
    """Measure the gateway with a whole core, and with a quarter of one where this machine can limit a process."""
    seconds = 30.0 if quick() else 60.0
    free = _measure(seconds, None)
    note = f"200 Hz pendant that falls and {len(demo_home(1).devices) - 2} other devices, simulated in the same process"
    figures = [
        _figure("gateway, peak memory (RSS)", free.memory_mb, "MB", LIMIT_MB, note=note),
        _figure("gateway, share of one core", free.share, "%", LIMIT_CPU, note=note),
        _figure("gateway, from start to first frame", free.start_s, "s", LIMIT_START_S, note=note),
        _figure("gateway, written by SQLite", free.written_mb, "MB a day", LIMIT_WRITTEN_MB, note=note),
        Figure(name="gateway, commits (fsync)", value=free.commits, unit="an hour", note=note),
        Figure(name="gateway, impact → broker, worst", value=free.impact_s, unit="s", note=f"{free.falls} falls"),
    ]
    try:
        small = _measure(seconds, SHARE)
    except NoQuotaError as error:
        Console().print(f"a gateway with a quarter of a core is left out: {error}", markup=False)
        return figures
    whole = "with a whole core"
    part = f"with {SHARE:g} of a core"
    note = f"{small.falls} falls, {free.falls} {whole}"
    return [
        *figures,
        _figure(f"gateway {part}, impact → broker, worst", small.impact_s, "s", free.impact_s, whole, note),
        _figure(f"gateway {part}, readings", small.readings, "a minute", free.readings, whole, "none lost"),
        _figure(f"gateway {part}, from start to first frame", small.start_s, "s", LIMIT_START_S),
    ]


def _figure(name: str, value: float, unit: str, held_against: float, what: str = "limit", note: str = "") -> Figure:
    return Figure(name=name, value=value, unit=unit, reference=held_against, reference_name=what, note=note)


def _measure(seconds: float, share: float | None) -> Measured:
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, _rights(), contextlib.ExitStack() as stack:
        folder = Path(name)
        broker = stack.enter_context(EmbeddedBroker(folder / "broker", Pki(folder / "pki")))
        broker.allow_gateways([GATEWAY])
        ear = _Ear()
        client = connected(broker.settings(IDENTITY), "bench-ear")
        stack.callback(mqtt.stop, client)
        client.on_message = ear.hear
        client.subscribe([(wire.topic(GATEWAY, "readings"), 1), (wire.topic(GATEWAY, "events"), 1)])
        file = _write_home(folder, broker)
        database = file.with_suffix(".db")
        log = stack.enter_context((folder / "agent.log").open("ab"))
        install(folder / "libraries")
        command, environment = command_of(folder / "libraries", "-m", "edge_agent", "--config", str(file))
        began = time.monotonic()
        agent = start_guarded(command, env=environment, stdout=log, stderr=log)
        try:
            if share is not None:
                stack.enter_context(quota(agent.pid, share))
            if not ear.first_frame.wait(60):
                raise RuntimeError(f"no frame came\n{(folder / 'agent.log').read_text()[-2000:]}")
            start_s = time.monotonic() - began
            time.sleep(WARM_UP_S)
            before, begin, sent, log_before = _cpu_s(agent.pid), time.monotonic(), read_totals(database), _log(database)
            falls = len(ear.impacts_s)
            time.sleep(seconds)
            spent = time.monotonic() - begin
            cpu = 100 * (_cpu_s(agent.pid) - before) / spent
            memory, now, log_now = _peak_mb(agent.pid), read_totals(database), _log(database)
        finally:
            agent.terminate()
            agent.wait(20)
        _check(sent, now, spent, (folder / "agent.log").read_text())
        pages, commits = log_now[0] - log_before[0], log_now[1] - log_before[1]
        impacts = ear.impacts_s[falls:]
        return Measured(
            memory,
            cpu,
            start_s,
            max(impacts, default=float("nan")),
            len(impacts),
            pages * (log_now[2] + _PAGE_HEAD) / spent * DAY_S / 1e6,
            commits / spent * HOUR_S,
            (now.readings - sent.readings) / spent * 60,
        )


def _check(before: Totals, now: Totals, seconds: float, log: str) -> None:
    if (
        now.frames - before.frames < seconds / 4
        or now.pending > 20
        or now.lost_readings
        or now.lost_events
        or "driver failed" in log
    ):
        raise RuntimeError(f"the gateway did not work as it should: {before} before, {now} after\n{log[-2000:]}")


@contextlib.contextmanager
def _rights() -> Iterator[None]:
    """Let the bench hear the gateway."""
    heard = tuple(wire.subscription(leaf) for leaf in ("readings", "events"))
    broker_config.SERVICE_RIGHTS[IDENTITY] = broker_config.Rights((), heard)
    try:
        yield
    finally:
        del broker_config.SERVICE_RIGHTS[IDENTITY]


def _log(database: Path) -> tuple[int, int, int]:
    """(pages in the write-ahead log, transactions so far, bytes of a page) of an open database."""
    head = database.with_name(f"{database.name}-shm").read_bytes()[:20]
    _, _, transactions, _, _, page, pages = struct.unpack("=IIIBBHI", head)
    return pages, transactions, page


def _write_home(folder: Path, broker: EmbeddedBroker) -> Path:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file = folder / "home.toml"
    options = {"seed": 1, "scenarios": [{"kind": "wear", "at_s": 0, "recordings": FALLS}]}
    write_home(file, GATEWAY, broker.settings(GATEWAY), demo_home(1).devices, options)
    public = write_public_key(Ed25519PrivateKey.generate().public_key())
    file.write_text(file.read_text() + f'\n[updates]\npublic_keys = ["{public}"]\n')
    return file


def _cpu_s(pid: int) -> float:
    """Read user and system time of a process so far, s (proc(5): stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    """Read the highest resident set so far, MB of 1024² bytes (proc(5): status, VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
