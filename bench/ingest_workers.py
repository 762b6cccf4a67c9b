"""Measure several workers of ingest beside one: the same frames drained by one process, then by some that share them.

As ``ingest_drain``, but every worker is a process of its own, as in a district, and the broker divides. On a machine of
two cores broker, database and workers share them: so workers are measured with a small part of a core each, too, as if
there were a core for each and the rest were no limit.

The rate is taken from the moment when all work until the first has little left; beside it, what a reading costs the
workers' own processor time, which tells of a busy machine, too, whether a worker reads what is not its own.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
import psycopg

from bench.district import ingest_process, names, open_session, register, servers, speaking_for_all
from bench.figures import Figure
from bench.ingest_drain import DEVICES, Load, empty, fill
from bench.quota import NoQuotaError, quota
from database.migrate import migrate
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki

PATIENCE_S = 180.0
WINDOW_S = 12.0
"""Measured at most."""
LEFT = 0.15
"""Of the frames: not measured, because a worker may have stored all of its own."""
SHARE = 0.1
"""Of one core, for each worker with a quota."""
BATCH = 20_000
"""Readings in a transaction of these workers: some a second, as without a quota."""


class Turn(msgspec.Struct, frozen=True):
    """One draining: the number of workers, and the part of a core that each has; None: as much as there is."""

    workers: int
    share: float | None = None


class Drained(msgspec.Struct, frozen=True):
    """What came of it: readings/s, and µs of the workers' processor time for one."""

    rate: float
    cost_us: float


FREE = (Turn(1), Turn(2))
LIMITED = (Turn(1, SHARE), Turn(2, SHARE), Turn(4, SHARE))


def run() -> list[Figure]:
    """Measure readings per second of several workers and of one, on the best grade that this machine has."""
    *_, make_server = servers()
    load = Load()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, speaking_for_all():
        folder = Path(name)
        with make_server(folder / "postgres") as postgres:
            grade = migrate(postgres.url)
            register(postgres.url, names(load.gateways), DEVICES)
            bench = Workers(postgres.url, folder, load)
            bench.drain(Turn(1))  # makes the series
            note = f"{load.readings:,} readings, {grade}, NATS, TLS, {os.cpu_count()} cores for all of it"
            figures = _figures("", FREE, [bench.drain(turn) for turn in FREE], note)
            try:
                limited = [bench.drain(turn) for turn in LIMITED]
            except NoQuotaError as error:
                print(f"workers with a part of a core each: not possible here ({error})")
            else:
                figures += _figures(f" with {SHARE:g} of a core each", LIMITED, limited, note)
            postgres.discard()
    return figures


def _figures(how: str, turns: tuple[Turn, ...], drained: list[Drained], note: str) -> list[Figure]:
    words = {2: "two", 4: "four"}
    one = drained[0]
    return [
        Figure(
            name=f"drain rate of {words[turn.workers]} workers{how}",
            value=some.rate,
            unit="readings/s",
            reference=one.rate,
            reference_name="one worker",
            note=f"{note}; {some.cost_us:.2f} µs of ingest's processor a reading, one worker {one.cost_us:.2f}",
        )
        for turn, some in zip(turns[1:], drained[1:], strict=True)
    ]


class Workers:
    """Drains the same load again and again, each time by other workers and a broker of their own."""

    def __init__(self, url: str, folder: Path, load: Load) -> None:
        self._url, self._folder, self._load, self._epoch = url, folder, load, 0

    def drain(self, turn: Turn) -> Drained:
        """Fill the workers' sessions and let them drain. Raises NoQuotaError."""
        self._epoch += 1
        folder = self._folder / str(self._epoch)
        broker = EmbeddedBroker(folder / "broker", Pki(self._folder / "pki"))
        broker.divides = turn.workers > 1
        every = [IngestSettings(worker=f"ingest-{number}", workers=turn.workers) for number in range(turn.workers)]
        with broker, contextlib.ExitStack() as stack:
            for settings in every:
                open_session(broker, settings)
            fill(broker, self._load, self._epoch)
            empty(self._url)
            batch = {} if turn.share is None else {"SHOUWANG_INGEST_BATCH_READINGS": str(BATCH)}
            processes = {
                settings.worker: stack.enter_context(ingest_process(self._url, broker, folder, settings, **batch))
                for settings in every
            }
            deadline = time.monotonic() + PATIENCE_S
            running = list(processes.values())
            while processes:  # a start takes a second of a whole core, and is not what is measured
                for name in [name for name in processes if "subscribed" in (folder / f"{name}.log").read_text()]:
                    _limit(stack, processes.pop(name), turn.share, f"shouwang-bench-{name}")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{', '.join(processes)} did not subscribe")
                time.sleep(0.01)
            return self._measure(running, deadline)

    def _measure(self, workers: list[psutil.Process], deadline: float) -> Drained:
        frames = self._load.gateways * self._load.frames
        with psycopg.connect(self._url, autocommit=True) as conn:
            began, first = self._next_commit(conn, self._stored(conn), deadline)
            ended, last, spent = began, first, _cpu_s(workers)
            while last < (1 - LEFT) * frames and ended < began + WINDOW_S:
                ended, last = self._next_commit(conn, last, deadline)
        readings = (last - first) / frames * self._load.readings
        return Drained(readings / (ended - began), (_cpu_s(workers) - spent) / readings * 1e6)

    def _next_commit(self, conn: psycopg.Connection, stored: int, deadline: float) -> tuple[float, int]:
        """Wait until more frames are stored; when that was, and how many."""
        while time.monotonic() < deadline:
            time.sleep(0.01)
            if (now := self._stored(conn)) > stored:
                return time.monotonic(), now
        raise TimeoutError(f"{stored} of {self._load.gateways * self._load.frames} frames are stored")

    def _stored(self, conn: psycopg.Connection) -> int:
        query = "SELECT coalesce(sum(high), 0)::bigint FROM ingest_stream WHERE epoch = %s"
        (stored,) = conn.execute(query, (self._epoch,)).fetchone() or (0,)
        return int(stored)


def _cpu_s(processes: list[psutil.Process]) -> float:
    times = [one.cpu_times() for one in processes]
    return float(sum(one.user + one.system for one in times))


def _limit(stack: contextlib.ExitStack, process: psutil.Process, share: float | None, name: str) -> None:
    if share is not None:
        stack.enter_context(quota(process.pid, share, name))
