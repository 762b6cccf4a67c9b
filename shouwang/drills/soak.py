"""The soak: hours of a district's data in minutes, while memory, delays, queues and tables are watched for growth.

Each home tells what its devices measure (``device_simulators.home``), from some hours ago until now, so many times
faster than life: the volume of those hours goes through the real outbox, broker, ingest, database and alerting. Buttons
are pressed in real time, and each alert is answered and resolved, as on a shift.
"""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg

from device_simulators.home import Column, Home
from device_simulators.homes import DEVICES
from dispatch.alerts import lifecycle
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import Actor
from firmware_profiles import wire
from shouwang.drills.account import first_messages
from shouwang.drills.load import Homes
from shouwang.drills.place import Place

REGISTERED = {device.name for device in DEVICES}
"""Devices of a home of the demonstration: readings of any other would be quarantined."""
STRETCH_US = 600_000_000
"""Time of a home that is made at once."""
PRESS_S = 4.0
"""Interval of the presses in real time."""
DUTY = Actor(None, "drill", "soak")
WARM_UP = 0.25
"""Share of the run after which growth counts: caches and pools fill first."""
MEMORY_GROWTH, DELAY_GROWTH = 1.15, 2.0
"""Largest ratio of the last quarter to the second one: resident memory of a service, median delay of an alert."""
DELAY_FLOOR_S = 1.0
"""A median delay below this is no growth, whatever it was before."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A look at everything: seconds since the start, MiB resident by service, messages that wait, sizes in bytes."""

    at_s: float
    memory_mib: dict[str, float]
    pending: int
    readings: int
    reading_bytes: int
    tables_bytes: dict[str, int]
    broker_bytes: int
    files: dict[str, int]
    delay_s: float | None
    """Median delay of the alerts since the last look, press to provider."""


class SoakResult(msgspec.Struct, frozen=True, kw_only=True):
    """All samples, and what grew (empty: nothing)."""

    homes: int
    hours: float
    minutes: float
    presses: int
    untold: int
    samples: list[Sample]
    grown: list[str]


class Story:
    """Readings of a home, made in stretches of STRETCH_US and told in pieces: a stretch costs as little as a piece."""

    def __init__(self, home: Home, from_us: int, first_us: int) -> None:
        self._home, self._told_us = home, from_us
        self._end_us, self._columns = from_us + first_us, self._make(from_us, from_us + first_us)

    def until(self, time_us: int) -> list[Column]:
        """Give the readings since the last piece, up to ``time_us``; columns without any are left out."""
        columns = self._piece(min(time_us, self._end_us))
        while self._end_us < time_us:
            begin_us, self._end_us = self._end_us, self._end_us + STRETCH_US
            self._columns = self._make(begin_us, self._end_us)
            columns += self._piece(min(time_us, self._end_us))
        return columns

    def _make(self, from_us: int, to_us: int) -> list[Column]:
        return [column for column in self._home.columns(from_us, to_us) if column.device in REGISTERED]

    def _piece(self, until_us: int) -> list[Column]:
        bounds = np.array([self._told_us, until_us])
        self._told_us = until_us
        cuts = [(one, np.searchsorted(one.times_us, bounds)) for one in self._columns]
        return [
            Column(one.device, one.channel, one.times_us[first:end], one.values[first:end])
            for one, (first, end) in cuts
            if first < end
        ]


class SoakHomes(Homes):
    """Homes that tell the hours ``begin_us`` … now, ``speed`` times faster than life; set both before they start."""

    begin_us = 0
    speed = 1.0

    def beat(self) -> None:
        now_us = time.time_ns() // 1000
        if not hasattr(self, "_stories"):
            # first stretches of different lengths: their ends, and the work of the next, come one after the other
            self._stories = [
                Story(Home(number + 1), self.begin_us, STRETCH_US * (number + 1) // len(self.gateways))
                for number in range(len(self.gateways))
            ]
            self._started_us, self._next = now_us, 0
            self._press_at = time.monotonic() + PRESS_S
        until_us = min(now_us, self.begin_us + round((now_us - self._started_us) * self.speed))
        for gateway, story in zip(self.gateways, self._stories, strict=True):
            if columns := story.until(until_us):
                base_us = min(int(one.times_us[0]) for one in columns) // 1000 * 1000
                gateway.send(
                    base_us,
                    [wire.make_series(c.device, c.channel, base_us, c.times_us, c.values) for c in columns],
                )
        if time.monotonic() >= self._press_at:
            self._press_at += PRESS_S
            self.press(self.gateways[self._next % len(self.gateways)])
            self._next += 1


def run_soak(
    folder: Path, homes: int, hours: float, minutes: float, tell: Callable[[str], None], looks: int = 40
) -> SoakResult:
    """Run the soak on a platform of its own in ``folder``. Raises RuntimeError where the platform does not start."""
    SoakHomes.begin_us = time.time_ns() // 1000 - round(hours * 3600e6)
    SoakHomes.speed = hours * 60 / minutes
    samples: list[Sample] = []
    with Place(folder, homes, load=SoakHomes) as place:
        began = time.monotonic()
        pause_s = minutes * 60 / looks
        told: set[tuple[str, int]] = set()
        with psycopg.connect(place.postgres.url, autocommit=True) as conn:
            while time.monotonic() - began < minutes * 60:
                end = time.monotonic() + pause_s
                while time.monotonic() < end:
                    _resolve(conn)
                    time.sleep(1)
                samples.append(_look(place, conn, began, told))
                last = samples[-1]
                tell(
                    f"{last.at_s:5.0f} s  {last.readings:,} readings, {last.pending} wait,"
                    f" {sum(last.memory_mib.values()):.0f} MiB, alerts after {last.delay_s} s"
                )
            place.homes.hush()
            time.sleep(5)
            heard = first_messages(conn, list(place.receiver.arrivals))
        presses = place.homes.presses
        return SoakResult(
            homes=homes,
            hours=hours,
            minutes=minutes,
            presses=len(presses),
            untold=sum((p.gateway, p.time_us) not in heard for p in presses),
            samples=samples,
            grown=judge(samples),
        )


def judge(samples: list[Sample]) -> list[str]:
    """Tell what grew between the second and the last quarter of the run. Pure."""
    quarter = max(1, round(len(samples) * WARM_UP))
    before, after = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = []
    for name in after[-1].memory_mib if after else ():
        first, last = (float(np.median([s.memory_mib.get(name, 0) for s in part])) for part in (before, after))
        if first and last > first * MEMORY_GROWTH:
            grown.append(f"memory of {name}: {first:.0f} to {last:.0f} MiB")
        first, last = (float(np.median([s.files.get(name, 0) for s in part])) for part in (before, after))
        if last > first + 10:
            grown.append(f"open files of {name}: {first:.0f} to {last:.0f}")
    delays = [[s.delay_s for s in part if s.delay_s is not None] for part in (before, after)]
    if all(delays):
        first, last = (float(np.median(part)) for part in delays)
        if last > max(first * DELAY_GROWTH, DELAY_FLOOR_S):
            grown.append(f"delay of alerts: {first:.1f} to {last:.1f} s")
    waiting = [float(np.median([s.pending for s in part])) for part in (before, after) if part]
    if len(waiting) == 2 and waiting[1] > 2 * waiting[0] + 50:
        grown.append(f"messages that wait: {waiting[0]:.0f} to {waiting[1]:.0f}")
    sizes = [[s.reading_bytes / s.readings for s in part if s.readings] for part in (before, after)]
    if all(sizes) and np.median(sizes[1]) > 1.2 * np.median(sizes[0]):
        grown.append(f"bytes of a reading: {np.median(sizes[0]):.0f} to {np.median(sizes[1]):.0f}")
    return grown


def report(result: SoakResult) -> str:
    """Write the report in Markdown."""
    lines = [
        f"# 长时间运行 Soak: {result.hours:g} h of {result.homes} homes in {result.minutes:g} min",
        "",
        f"{result.presses} presses, {result.untold} not told. Grown: {'; '.join(result.grown) or 'nothing'}.",
        "",
        "| s | readings | bytes a reading | messages that wait | broker MiB | alert after s | MiB of each service |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for s in result.samples:
        memory = ", ".join(f"{name} {mib:.0f}" for name, mib in s.memory_mib.items())
        size = s.reading_bytes / s.readings if s.readings else 0
        delay = "" if s.delay_s is None else f"{s.delay_s:.2f}"
        lines.append(
            f"| {s.at_s:.0f} | {s.readings:,} | {size:.0f} | {s.pending} | {s.broker_bytes / 2**20:.1f} | {delay} |"
            f" {memory} |"
        )
    return "\n".join(lines) + "\n"


def _look(place: Place, conn: psycopg.Connection[Any], began: float, told: set[tuple[str, int]]) -> Sample:
    heard = first_messages(conn, list(place.receiver.arrivals))
    fresh = [key for key in heard if key not in told]
    told.update(fresh)
    delays = [(heard[key] - key[1]) / 1e6 for key in fresh]
    pids = {name: child.pid for name, child in place.children.items()} | dict.fromkeys(["broker"], place.broker.pids[0])
    row = conn.execute("SELECT count(*), pg_total_relation_size('reading_row') FROM reading").fetchone()
    tables = conn.execute(
        "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relname = ANY(%s)",
        (["alert", "alert_event", "notification", "message", "delivery_attempt", "event", "quarantine"],),
    ).fetchall()
    return Sample(
        at_s=round(time.monotonic() - began, 1),
        memory_mib={name: _resident_mib(pid) for name, pid in pids.items() if pid},
        pending=place.homes.pending,
        readings=0 if row is None else int(row[0]),
        reading_bytes=0 if row is None else int(row[1]),
        tables_bytes={str(name): int(size) for name, size in tables},
        broker_bytes=sum(f.stat().st_size for f in (place.data / "broker").rglob("*") if f.is_file()),
        files={name: _open_files(pid) for name, pid in pids.items() if pid},
        delay_s=round(float(np.median(delays)), 2) if delays else None,
    )


def _resolve(conn: psycopg.Connection[Any]) -> None:
    """Answer and resolve what has been told, as people on a shift do."""
    now = dt.datetime.now(dt.UTC)
    for number, version in conn.execute(
        """
        SELECT id, version FROM alert a WHERE alert_is_open(state) AND EXISTS (
            SELECT FROM notification n WHERE n.alert_id = a.id AND n.state IN ('sent', 'delivered'))
        """
    ).fetchall():
        try:
            lifecycle.act(conn, number, "resolve", DUTY, now, expected_version=version, outcome="test", note="soak")
        except LifecycleError:
            continue


def _resident_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0.0)


def _open_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
