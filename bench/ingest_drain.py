"""Measure the drain rate of ingest beside bare binary COPY of the same rows, in the same order, into the same table.

A persistent session is filled first (frames of 10 series × 60 readings, QoS 1, the gateways in turn), then ingest is
started, so that the publisher's cost is not measured. Afterwards the rows are read in their physical order, the table
is emptied, and they are stored again by plain COPY over one connection, encoded beforehand, in transactions as large as
ingest's largest. Both begin with an empty table (a hypertable makes its chunk anew) after a checkpoint and a warm-up;
the figures are medians of several rounds.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import psycopg

from bench.district import IDENTITY, names, open_session, publisher, register, servers, speaking_for_all
from bench.figures import Figure, quick
from database.migrate import migrate
from database.server.postgres import PostgresServer
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.channels import CHANNELS
from firmware_profiles.link import mqtt
from ingest.service import Ingest
from ingest.settings import IngestSettings
from ingest.storing import rows
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.processes import wait_until
from vocabulary.times import DAY_US

SERIES = ("heart_rate", "respiration_rate", "spo2", "systolic_bp", "diastolic_bp")
DEVICES = ("radar", "oximeter")
READINGS = 60


class Load(msgspec.Struct, frozen=True):
    """Size of one filling of the session, and number of rounds."""

    gateways: int = 600
    frames: int = 10
    """Per gateway."""
    rounds: int = 3

    @property
    def readings(self) -> int:
        return self.gateways * self.frames * len(SERIES) * len(DEVICES) * READINGS


def run() -> list[Figure]:
    """Measure readings per second, and the ratio to bare COPY, on every grade that this machine has."""
    if quick():
        return [measure(next(servers()), Load(frames=3, rounds=1))]
    return [measure(server, Load()) for server in servers()]


def measure(make_server: Callable[[Path], PostgresServer], load: Load) -> Figure:
    """Measure the drain rate on one database."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, speaking_for_all():
        folder = Path(name)
        with make_server(folder / "postgres") as postgres:
            with EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker:
                grade = migrate(postgres.url)
                register(postgres.url, names(load.gateways), DEVICES)
                open_session(broker, IngestSettings())
                warm_up = Load(load.gateways, 1, 1)
                fill(broker, warm_up, 1)
                _drain(postgres.url, broker, warm_up.readings)
                drained, bare = [], []
                for number in range(2, load.rounds + 2):
                    fill(broker, load, number)
                    empty(postgres.url)
                    drained.append(load.readings / _drain(postgres.url, broker, load.readings))
                    bare.append(load.readings / _bare_copy(postgres.url, load.readings))
            postgres.discard()
    return Figure(
        name=f"ingest drain rate, {grade}",
        value=statistics.median(drained),
        unit="readings/s",
        reference=statistics.median(bare),
        reference_name="bare binary COPY, same rows",
        note=f"{load.rounds} × {load.readings:,} readings of {load.gateways:,} gateways, {grade}, NATS, TLS; ratios "
        + ", ".join(f"{a / b:.2f}" for a, b in zip(drained, bare, strict=True)),
    )


def fill(broker: EmbeddedBroker, load: Load, epoch: int) -> None:
    """Publish the load, numbered within ``epoch``, to the open sessions."""
    rng = np.random.default_rng(1)
    begin_us = (time.time_ns() // 1000 // DAY_US - 1) * DAY_US  # yesterday: one chunk
    middle = {code: (CHANNELS[code].low + CHANNELS[code].high) / 3 for code in SERIES}
    client = publisher(broker.settings(IDENTITY), "filler")
    infos = []
    for number in range(load.frames):
        base = begin_us + number * READINGS * 1_000_000
        times = base + np.arange(READINGS, dtype=np.int64) * 1_000_000
        for gateway in names(load.gateways):
            series = [
                wire.make_series(device, code, base, times, rng.normal(middle[code], 1, READINGS).astype(np.float32))
                for device in DEVICES
                for code in SERIES
            ]
            frame = wire.Frame(1, gateway, epoch, 1, "live", number + 1, base, series)
            infos.append(client.publish(wire.topic(gateway, "readings"), wire.encode(frame), qos=1))
    for info in infos:
        info.wait_for_publish(60)
    mqtt.stop(client)


def empty(url: str) -> None:
    """Remove all readings, and do a checkpoint."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("TRUNCATE reading_row")
        conn.execute("CHECKPOINT")


def _drain(url: str, broker: EmbeddedBroker, total: int) -> float:
    stop = threading.Event()
    ingest = Ingest(IngestSettings(), DatabaseSettings(url=url), broker.settings("svc-ingest"))
    thread = threading.Thread(target=ingest.run, args=(stop,))
    begin = time.perf_counter()
    thread.start()
    try:
        wait_until(lambda: ingest.readings >= total, 300, f"{total} readings stored", pause_s=0.02)
        return time.perf_counter() - begin
    finally:
        stop.set()
        thread.join()


def _bare_copy(url: str, total: int) -> float:
    with psycopg.connect(url, autocommit=True) as conn:
        # By one process from the first page on: the rows in their physical order.
        conn.execute("SET max_parallel_workers_per_gather = 0")
        conn.execute("SET synchronize_seqscans = off")
        with conn.cursor().copy(
            "COPY (SELECT time, series_id, value FROM reading_row) TO STDOUT (FORMAT BINARY)"
        ) as copy:
            data = b"".join(copy)
        stored = np.frombuffer(data[len(rows.HEADER) : -len(rows.TRAILER)], rows.ROW)
        if len(stored) != total:
            raise RuntimeError(f"{len(stored)} rows are stored, {total} were sent")
        size = IngestSettings().batch_readings
        pieces = [stored[at : at + size].tobytes() for at in range(0, total, size)]
        empty(url)
        begin = time.perf_counter()
        for piece in pieces:
            with conn.transaction(), conn.cursor() as cursor, cursor.copy(rows.copy_readings(conn).encode()) as copy:
                copy.write(rows.HEADER)
                copy.write(piece)
                copy.write(rows.TRAILER)
        return time.perf_counter() - begin
