"""Measure the disk use of a home's day on the gateway, and how long an event waits while that day is being sent.

A simulated home's day goes into the real outbox, one frame a second. Then a gateway process connects to the real broker
(TLS) and sends it, while the home goes on: a frame a second, an event every tenth of one. A subscriber in another
process notes how old each event is when it arrives; afterwards the same at rest.
"""

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from bench.alert_latency import connected
from bench.figures import Figure
from device_simulators.home import Home
from edge_agent.outbox.frames import FrameCutter
from edge_agent.outbox.outbox import Outbox, read_totals
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.processes import wait_until
from vocabulary.times import DAY_S, HOUR_US

GATEWAY = "gw-bench-line"
BUDGET_MB = 512
LIMIT_MS = 100.0
EVENT_EVERY_S = 0.1
EVENTS_AT_REST = 100
SYNCS = 500


def run() -> list[Figure]:
    """Measure the disk for a day, the age of events during the drain and at rest, and the time of the drain.

    Every event is on disk before it is sent, so that a disk which stalls delays it at any time. The delay by the drain
    itself is measured with the outbox in memory; beside it the same on disk, with the disk's own stalls.
    """
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, _in_memory(Path(name)) as memory:
        folder = Path(name)
        file, size = _fill(memory)
        totals = read_totals(file)
        on_disk = Path(shutil.copy(file, folder / "outbox.db"))
        stall = _worst_sync(folder / "stall")
        with EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker:
            broker.allow_gateways([GATEWAY])
            during, rest, seconds = _drain(broker, file, totals.pending)
            during_on_disk, _, _ = _drain(broker, on_disk, totals.pending)
    note = f"{totals.frames:,} frames, {totals.readings:,} readings; {len(during)} events meanwhile, NATS, TLS"
    return [
        Figure(
            name="a home's day in the outbox",
            value=size / 2**20,
            unit="MB",
            reference=BUDGET_MB,
            reference_name="disk budget",
            note=f"fits {BUDGET_MB * 2**20 / size:.1f} times",
        ),
        Figure(
            name="event during the drain of 24 h, worst",
            value=max(during),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=note,
        ),
        Figure(
            name="event during the drain of 24 h, p50",
            value=float(np.median(during)),
            unit="ms",
            reference=float(np.median(rest)),
            reference_name="at rest, p50",
        ),
        Figure(
            name="event during the drain, outbox on disk, p99",
            value=float(np.percentile(during_on_disk, 99)),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
        ),
        Figure(
            name="event during the drain, outbox on disk, worst",
            value=max(during_on_disk),
            unit="ms",
            reference=stall,
            reference_name="bare fdatasync, worst",
            note=f"of {SYNCS} at rest",
        ),
        Figure(
            name="drain of 24 h",
            value=totals.readings / seconds,
            unit="readings/s",
            reference=None,
            reference_name="",
            note=f"{seconds:.1f} s in all",
        ),
    ]


@contextlib.contextmanager
def _in_memory(otherwise: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else otherwise) as name:
        yield Path(name)


def _fill(folder: Path) -> tuple[Path, int]:
    """Fill an outbox with a day until a minute ago; returns its file and size in bytes."""
    file = folder / "outbox.db"
    outbox = Outbox(file, GATEWAY, Clock(), BUDGET_MB << 20)
    for cutter in _seconds(time.time_ns() // 1000 - (DAY_S + 60) * 1_000_000):
        for base_us, series in cutter.cut():
            outbox.put_frame(base_us, series)
    size = sum(one.stat().st_size for one in folder.iterdir())
    outbox.close()
    return file, size


def _worst_sync(file: Path) -> float:
    """Measure the worst of many writes of 12 KiB to the disk, ms."""
    worst = 0.0
    with file.open("wb", buffering=0) as opened:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            opened.write(bytes(12_288))
            os.fdatasync(opened.fileno())
            worst = max(worst, time.perf_counter() - begin)
            time.sleep(0.02)
    return worst * 1000


def _seconds(begin_us: int) -> Iterator[FrameCutter]:
    """Yield the home's readings of each second of a day."""
    home = Home(1)
    for hour_us in range(begin_us, begin_us + DAY_S * 1_000_000, HOUR_US):
        cutters = [FrameCutter() for _ in range(3600)]
        for column in home.columns(hour_us, hour_us + HOUR_US):
            seconds = (column.times_us - hour_us) // 1_000_000
            starts = np.flatnonzero(np.diff(seconds, prepend=-1))
            for begin, end in zip(starts, [*starts[1:], len(seconds)], strict=True):
                cutters[int(seconds[begin])].add(
                    column.device, column.channel, column.times_us[begin:end], column.values[begin:end]
                )
        yield from cutters


def _drain(broker: EmbeddedBroker, file: Path, backlog: int) -> tuple[list[float], list[float], float]:
    """Measure the ages of events (ms) during the drain and at rest, and the drain's length in seconds."""
    ages: dict[str, list[float]] = {"drain": [], "rest": []}
    arrived = {"backfill": 0, "live": 0}
    times = [0.0, 0.0]

    def received(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        now_us = time.time_ns() // 1000
        if message.topic.endswith("/events"):
            event = wire.decode(wire.Event, bytes(message.payload))
            ages[str(event.values["when"])].append((now_us - event.time_us) / 1000)
            return
        stream = wire.decode(wire.Frame, bytes(message.payload)).stream
        arrived[stream] += 1
        if stream == "backfill":
            times[0] = times[0] or now_us / 1e6
            times[1] = now_us / 1e6

    listener = connected(broker.settings("svc-ingest"), "bench-listener")
    listener.on_message = received
    listener.subscribe([(wire.topic(GATEWAY, "events"), 1), (wire.topic(GATEWAY, "readings"), 1)])
    gateway = multiprocessing.get_context("spawn").Process(target=_gateway, args=(broker.settings(GATEWAY), file))
    gateway.start()
    try:
        gateway.join(600)
        if gateway.exitcode != 0:
            raise RuntimeError("the gateway did not send its backlog; see its messages above")
        wait_until(lambda: arrived["backfill"] >= backlog, 30, f"{backlog} frames of backlog")
        wait_until(lambda: len(ages["rest"]) >= EVENTS_AT_REST, 30, f"{EVENTS_AT_REST} events at rest")
    finally:
        gateway.kill()
        mqtt.stop(listener)
    return ages["drain"], ages["rest"], times[1] - times[0]


def _gateway(broker: mqtt.Broker, file: Path) -> None:
    asyncio.run(_send(broker, file))


async def _send(broker: mqtt.Broker, file: Path) -> None:
    clock = Clock()
    outbox = Outbox(file, GATEWAY, clock, BUDGET_MB << 20)
    uplink = Uplink(broker, GATEWAY, outbox, clock, {}, SentMessages(file.with_suffix(".sent"), 64 << 20))
    uplink.start()
    tick = rest = 0
    while rest < EVENTS_AT_REST:
        await asyncio.sleep(EVENT_EVERY_S)
        tick += 1
        # The last frames of the backlog travel with the first events at rest: those count as of the drain.
        when = "drain" if outbox.totals().pending > 10 else "rest"
        rest += when == "rest"
        if tick % 10 == 0:
            now = clock.now_us()
            values = np.array([70], np.float32)
            outbox.put_frame(now, [wire.make_series("radar", "heart_rate", now, np.array([now], np.int64), values)])
        outbox.put_event("sos-button", "sos_pressed", clock.now_us(), {"when": when}, b"")
        uplink.pump()
    await uplink.stop()
    outbox.close()
