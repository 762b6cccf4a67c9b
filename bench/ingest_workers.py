"""Measure two workers of ingest beside one: the same frames drained by one process, then by two that share them.

As ``ingest_drain``, but every worker is a process of its own, as in a district; the time runs from the first stored
frame to the last.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path

import psycopg

from bench.district import ingest_process, names, open_session, register, servers, speaking_for_all
from bench.figures import Figure
from bench.ingest_drain import DEVICES, Load, empty, fill
from database.migrate import migrate
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki

PATIENCE_S = 180.0


def run() -> list[Figure]:
    """Measure readings per second with two workers and with one, on the best grade that this machine has."""
    *_, make_server = servers()
    load = Load()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, speaking_for_all():
        folder = Path(name)
        with make_server(folder / "postgres") as postgres:
            grade = migrate(postgres.url)
            register(postgres.url, names(load.gateways), DEVICES)
            rates = [_drain(postgres.url, folder / str(turn), load, turn, n) for turn, n in enumerate((1, 1, 2), 1)]
            postgres.discard()
    _, one, two = rates  # the first made the series
    note = f"{load.readings:,} readings, {grade}, NATS, TLS, {os.cpu_count()} cores for all of it"
    return [
        Figure(
            name="drain rate of two workers",
            value=two,
            unit="readings/s",
            reference=one,
            reference_name="one worker",
            note=note,
        )
    ]


def _drain(url: str, folder: Path, load: Load, epoch: int, workers: int) -> float:
    broker = EmbeddedBroker(folder / "broker", Pki(folder.parent / "pki"))
    every = [IngestSettings(worker=f"ingest-{number}", workers=workers) for number in range(workers)]
    with broker, contextlib.ExitStack() as stack:
        for settings in every:
            open_session(broker, settings)
        fill(broker, load, epoch)
        empty(url)
        for settings in every:
            stack.enter_context(ingest_process(url, broker, folder, settings))
        return _rate(url, epoch, load)


def _rate(url: str, epoch: int, load: Load) -> float:
    frames, began = load.gateways * load.frames, 0.0
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(url, autocommit=True) as conn:
        first = stored = 0
        while stored < frames:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{stored} of {frames} frames are stored")
            time.sleep(0.02)
            query = "SELECT coalesce(sum(high), 0)::bigint FROM ingest_stream WHERE epoch = %s"
            (stored,) = conn.execute(query, (epoch,)).fetchone() or (0,)
            if stored and not began:
                began, first = time.perf_counter(), stored
        return (stored - first) / frames * load.readings / (time.perf_counter() - began)
