"""Measure the whole platform at district load: processor and memory of every part, and whether both stay flat.

Every program of the platform runs as it is deployed, beside the broker (NATS with TLS) and PostgreSQL of the best grade
of this machine. 7,198 homes send 2,400 frames and 20,000 readings a second, somebody presses an SOS button every few
seconds, and dispatchers have their desks open. Maintenance rolls up and packs the readings of an earlier day as fast as
new ones come: what a district that speaks all day at its peak would ask of it. What plays the homes and the desks is
not counted.

Processor: user and system time, of ended children too. Memory: proportional shares (PSS), so that what processes share
counts once. ``SHOUWANG_BENCH_WHOLE_MINUTES=30 python -m bench whole_platform`` is the long form.
"""

import contextlib
import datetime as dt
import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import psycopg

from bench.alert_latency import connected
from bench.alert_load import _register
from bench.console_district import session_of
from bench.desks import Desks
from bench.district import IDENTITY, names, servers
from bench.figures import Figure
from bench.ingest_load import FRAME_S, GATEWAYS, RATE, SERIES, publishing
from database.packing.steps import border
from database.server.postgres import PostgresServer
from device_simulators.homes import demo_home
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers import config as broker_config
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform

MINUTES = float(os.environ.get("SHOUWANG_BENCH_WHOLE_MINUTES", "2"))
WARM_UP_S, LOOK_S, PRESS_S = 60.0, 5.0, 5.0
DESKS = 50
CORES, GIGABYTES = 1.2, 1.5
REACHED = 0.98
"""Share of the sent readings from which the load counts as reached."""
AN_HOUR = round(RATE * 3600 / GATEWAYS / len(SERIES))
"""Readings of a series in an hour."""
_ROLE = re.compile(r"^postgres: (?:shouwang_)?(\w+)")


class Whole(Platform):
    """The platform on PostgreSQL of the best grade."""

    def _make_postgres(self) -> PostgresServer:
        *_, make_server = servers()
        return make_server(self.data / "postgres")


class Look(msgspec.Struct, frozen=True):
    """A look at everything: when (s, monotonic); by part the processor's time so far (s) and memory (MB); how many
    bytes a second of the processor hashes (MB/s), which tells how fast the machine was."""

    at_s: float
    cpu_s: dict[str, float]
    memory_mb: dict[str, float]
    speed: float


def run() -> list[Figure]:
    """Measure cores and memory of all and of each part; the notes say where the load was not reached."""
    rights = broker_config.Rights((wire.subscription("readings"), wire.subscription("events")), ())
    broker_config.SERVICE_RIGHTS[IDENTITY] = rights
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shouwang-bench-"))
            platform = Whole(Path(folder), free_port(), free_port())
            stack.callback(lambda: platform.postgres.discard())
            stack.enter_context(platform)
            district = platform.load_district([demo_home(1)])
            with psycopg.connect(platform.postgres.url, autocommit=True) as conn:
                _register(platform.postgres.url)
                due = _add_past(conn)
                session = session_of(conn, login_of(district, "dispatcher")[0])
                platform.start_services()
                with (
                    publishing(platform.broker) as homes,
                    Desks(platform.address, [session] * DESKS) as desks,
                ):
                    time.sleep(WARM_UP_S)
                    return _measure(platform, conn, due, desks, homes)
    finally:
        del broker_config.SERVICE_RIGHTS[IDENTITY]


def _add_past(conn: psycopg.Connection[Any]) -> list[int]:
    """Store as many readings of the last day that may be packed as will come in the window: whole hours of series, in
    the order in which they would have come. Returns these series; nothing is due yet."""
    codes = list(SERIES)
    conn.execute(
        "INSERT INTO series (device_id, channel) SELECT d.id, c FROM device d JOIN gateway g ON g.id = d.gateway_id,"
        " unnest(%s::text[]) c WHERE d.name = 'd' AND g.name = ANY(%s) ON CONFLICT DO NOTHING",
        (codes, names(GATEWAYS)),
    )
    wanted = round(MINUTES * 60 * RATE / AN_HOUR)
    every = [row[0] for row in conn.execute("SELECT id FROM series ORDER BY id LIMIT %s", (wanted,)).fetchall()]
    conn.execute(
        "INSERT INTO reading_row (time, series_id, value)"
        " SELECT %s + s.n * INTERVAL '1 hour' / %s, s.id, 60 + s.n * 7 %% 23 FROM generate_series(0, %s) step (n)"
        " CROSS JOIN LATERAL (SELECT id, step.n FROM unnest(%s::int[]) one (id) OFFSET 0) s",
        (_past_hour(), AN_HOUR, AN_HOUR - 1, every),
    )
    now = dt.datetime.now(dt.UTC)
    late_before = (now - dt.timedelta(minutes=10)).replace(minute=0, second=0, microsecond=0)
    conn.execute("UPDATE storage SET late_before = %s, packed_before = %s", (late_before, border(now)))
    conn.execute("VACUUM ANALYZE")
    conn.execute("CHECKPOINT")
    return every


def _past_hour() -> dt.datetime:
    return border(dt.datetime.now(dt.UTC)) - dt.timedelta(hours=12)


def _measure(
    platform: Platform, conn: psycopg.Connection[Any], due: list[int], desks: Desks, homes: psutil.Process
) -> list[Figure]:
    client = connected(platform.broker.settings(IDENTITY), "bench-sos")
    pressed = iter(names(GATEWAYS))
    stop = threading.Event()
    presses = threading.Thread(target=_press, args=(client, pressed, stop), name="presses", daemon=True)
    presses.start()
    frames, seconds = _frames(conn), MINUTES * 60
    roles, players = _by_role(platform), _players_s(homes)
    looks, listed = [_look(platform)], 0
    began = looks[0].at_s
    while (gone := time.monotonic() - began) < seconds:
        # a little ahead, so that the last are done in the window
        until = min(len(due), round(len(due) * (gone + 2 * LOOK_S) / (seconds - LOOK_S)))
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO rollup_due (series_id, hour) VALUES (%s, %s)",
                [(series, _past_hour()) for series in due[listed:until]],
            )
        listed = until
        time.sleep(max(min(LOOK_S, seconds - gone), 0.01))
        looks.append(_look(platform))
    of_roles = {role: s - roles.get(role, 0.0) for role, s in _by_role(platform).items()}
    spent = looks[-1].at_s - began
    apart = (_players_s(homes) - players) / spent
    stored = (_frames(conn) - frames) * RATE * FRAME_S / GATEWAYS / spent
    stop.set()
    presses.join(PRESS_S + 5)
    mqtt.stop(client)
    row = conn.execute("SELECT coalesce(sum(n), 0)::bigint FROM reading_pack").fetchone()
    packed = row[0] / spent if row else 0.0
    for child in platform.children.values():
        if not child.alive():
            raise RuntimeError(f"{child.name} died; its last words:\n{child.log_tail()}")
    return list(_figures(platform, looks, of_roles, stored, packed, desks, apart))


def _figures(
    platform: Platform,
    looks: list[Look],
    of_roles: dict[str, float],
    stored: float,
    packed: float,
    desks: Desks,
    apart: float,
) -> Iterator[Figure]:
    first, middle, last = looks[0], looks[len(looks) // 2], looks[-1]
    spent = last.at_s - first.at_s
    cores = {part: (last.cpu_s[part] - first.cpu_s[part]) / spent for part in last.cpu_s}
    memory = {part: float(np.mean([look.memory_mb[part] for look in looks])) for part in last.memory_mb}
    every, all_mb = sum(cores.values()), [sum(look.memory_mb.values()) / 1000 for look in looks]
    few, most = desks.fewest_and_most()
    note = (
        f"{GATEWAYS:,} homes, {RATE:,} readings/s, {DESKS} desks with {few} to {most} alerts each, {platform.grade},"
        f" {spent / 60:.1f} min; a second of the processor hashes {_range([look.speed for look in looks])} MB;"
        f" homes and desks: {apart:.2f} cores, not counted"
    )
    reached = min(stored, packed) >= REACHED * RATE
    if not reached:  # no ratio then: it would pass a limit with less than the load
        note = (
            f"LOAD NOT REACHED: of {RATE:,} readings/s {stored:,.0f} stored and {packed:,.0f} packed, not held against"
            f" {CORES} cores and {GIGABYTES} GB; {note}"
        )
    yield Figure(
        name="whole platform at district load, all of it", value=every, unit="cores",
        reference=CORES if reached else None, reference_name="limit" if reached else "", note=note,
    )  # fmt: skip
    yield Figure(
        name="whole platform at district load, memory, most", value=max(all_mb), unit="GB",
        reference=GIGABYTES if reached else None, reference_name="limit" if reached else "",
        note=f"mean {np.mean(all_mb):.2f}",
    )  # fmt: skip
    halves = [_cores(first, middle), _cores(middle, last)]
    half = len(looks) // 2
    yield Figure(
        name="whole platform, cores in the second half", value=halves[1], unit="cores",
        reference=halves[0] if reached else None, reference_name="first half" if reached else "",
        note=f"{halves[0]:.2f} in the first",
    )  # fmt: skip
    yield Figure(
        name="whole platform, memory in the second half", value=float(np.mean(all_mb[half:])), unit="GB",
        reference=float(np.mean(all_mb[:half])) if reached else None, reference_name="first half" if reached else "",
        note=f"from {all_mb[0]:.3f} to {all_mb[-1]:.3f} GB; grew most: {_grew(looks)}",
    )  # fmt: skip
    for part in sorted(cores, key=lambda one: -cores[one]):
        more = ""
        if part == "database":
            largest = sorted(of_roles.items(), key=lambda one: -one[1])[:6]
            more = "; " + ", ".join(f"for {role} {s / spent:.3f}" for role, s in largest)
        yield Figure(
            name=f"whole platform, {part}", value=cores[part], unit="cores",
            note=f"{100 * cores[part] / every:.0f} % of the cores; {memory[part]:.0f} MB,"
            f" {memory[part] / sum(memory.values()):.0%} of the memory{more}",
        )  # fmt: skip
    yield Figure(
        name="whole platform, stored meanwhile", value=stored, unit="readings/s", reference=RATE, reference_name="sent"
    )
    yield Figure(
        name="whole platform, rolled up and packed meanwhile", value=packed, unit="readings/s", reference=RATE,
        reference_name="sent",
    )  # fmt: skip


def _players_s(homes: psutil.Process) -> float:
    """Processor time of what plays the homes and the desks, s."""
    return _cpu_s(homes) + time.process_time()


def _cores(since: Look, until: Look) -> float:
    return (sum(until.cpu_s.values()) - sum(since.cpu_s.values())) / (until.at_s - since.at_s)


def _grew(looks: list[Look]) -> str:
    grown = {part: looks[-1].memory_mb[part] - looks[0].memory_mb[part] for part in looks[0].memory_mb}
    largest = sorted(grown.items(), key=lambda one: -one[1])[:3]
    return ", ".join(f"{part} {mb:+.1f} MB" for part, mb in largest)


def _range(values: list[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}"


def _press(client: Any, gateways: Iterator[str], stop: threading.Event) -> None:
    for name in gateways:
        now = time.time_ns() // 1000
        event = wire.Event(1, name, 1, 1, 1, now, "sos-button", "sos_pressed")
        client.publish(wire.topic(name, "events"), wire.encode(event), qos=1)
        if stop.wait(PRESS_S):
            return


def _frames(conn: psycopg.Connection[Any]) -> int:
    """Frames stored so far: a count of readings would cost more than storing them."""
    row = conn.execute("SELECT coalesce(sum(high), 0)::bigint FROM ingest_stream").fetchone()
    return int(row[0]) if row else 0


def _look(platform: Platform) -> Look:
    trees = {part: [one for pid in pids for one in _tree(pid)] for part, pids in _pids(platform).items()}
    began = time.thread_time()
    hashlib.sha256(bytes(4_000_000)).digest()
    speed = 4 / (time.thread_time() - began)
    return Look(
        time.monotonic(),
        {part: sum(map(_cpu_s, tree)) for part, tree in trees.items()},
        {part: sum(map(_pss_mb, tree)) for part, tree in trees.items()},
        speed,
    )


def _pids(platform: Platform) -> dict[str, list[int]]:
    children = {name: [child.pid] for name, child in platform.children.items() if child.pid is not None}
    assert platform.postgres.pid is not None  # noqa: S101 - it runs
    return {"broker": platform.broker.pids, "database": [platform.postgres.pid], **children}


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """Processor time of a process and of its children that have ended, s."""
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _pss_mb(process: psutil.Process) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _by_role(platform: Platform) -> dict[str, float]:
    """Processor time of the living processes of the database by the role that they work for, s."""
    found: dict[str, float] = {}
    for process in _tree(platform.postgres.pid or 0)[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            role = _ROLE.match(" ".join(process.cmdline()))
            name = role.group(1) if role else "others"
            found[name] = found.get(name, 0.0) + _cpu_s(process)
    return found
