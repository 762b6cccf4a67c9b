"""Ingest's clock was wrong for a while: what it refused or marked for its time is taken back by itself."""

import threading
import time

import numpy as np
import psycopg
import pytest

from database.clock import DatabaseClock
from database.settings import DatabaseSettings
from firmware_profiles import wire
from ingest import clock_watch
from ingest.batches.batch import Limits
from ingest.batches.batcher import Batcher
from ingest.batches.database_directory import DatabaseDirectory
from ingest.clock_watch import ClockWatch
from ingest.quarantine.quarantine import Quarantine
from ingest.settings import IngestSettings, accepted_times
from ingest.storing import writer
from tests.support.district import add_homes
from tests.support.services import in_thread, wait_for

pytestmark = pytest.mark.integration
S = 1_000_000


class HostClock:
    """A host's clocks, both wrong while ``off_us`` is not 0."""

    off_us = 0

    def wall(self) -> int:
        return time.time_ns() // 1000 + self.off_us

    def steady(self) -> int:
        return time.monotonic_ns() // 1000 + self.off_us


def message(seq: int, leaf: wire.Leaf, now_us: int) -> tuple[str, bytes]:
    if leaf == "events":
        body: wire.Event | wire.Frame = wire.Event(1, "gw-1", 5, 6, seq, now_us, "radar", "sos_pressed")
    else:
        series = wire.make_series("radar", "heart_rate", now_us, np.array([now_us]), np.array([70.0], np.float32))
        body = wire.Frame(1, "gw-1", 5, 6, "live", seq, now_us, [series])
    return wire.topic("gw-1", leaf), wire.encode(body)


def test_what_a_wrong_clock_refused_is_stored_when_it_is_found_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_watch, "LOOK_S", 0.05)
    add_homes(database_url, ["gw-1"])
    host, settings = HostClock(), IngestSettings()
    clock = DatabaseClock(host.wall, host.steady)

    def limits() -> Limits:
        return accepted_times(settings, clock.now_us())

    database = DatabaseSettings(url=database_url)
    watch = ClockWatch(database, clock, "ingest-0", limits, lambda: ["gw-9"])
    told = "SELECT kind, detail ->> 'ahead_s', detail ->> 'names' FROM service_fault ORDER BY kind"
    with psycopg.connect(database_url, autocommit=True) as conn:
        look = threading.Event()
        with in_thread(lambda stop: watch.run(look)):
            wait_for(lambda: len(conn.execute(told).fetchall()) == 1, 20, lambda: "nothing is told")
            look.set()
        host.off_us = -9000 * S
        now_us = time.time_ns() // 1000
        directory = DatabaseDirectory(conn)
        batch = Batcher(directory, directory.mark).build(
            [message(1, "readings", now_us), message(1, "events", now_us)], limits()
        )
        writer.store(conn, batch, writer.encode_rows(batch), Quarantine())
        stored = "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM quarantine WHERE settled_at IS NULL)"
        assert conn.execute(stored).fetchone() == (0, 1)
        assert conn.execute("SELECT told_us FROM event").fetchone() == (now_us,)
        look.clear()
        with in_thread(lambda stop: watch.run(look)):
            wait_for(lambda: conn.execute(stored).fetchone() == (1, 0), 20, lambda: "it stays in quarantine")
            right = "SELECT told_us, (extract(epoch FROM time) * 1e6)::bigint FROM event"
            wait_for(lambda: conn.execute(right).fetchone() == (None, now_us), 20, lambda: "the event stays marked")
            faults = [("allowance", None, '["gw-9"]'), ("clock", "-9000.0", None)]
            wait_for(lambda: conn.execute(told).fetchall() == faults, 20, lambda: str(conn.execute(told).fetchall()))
            host.off_us = 0
            wait_for(lambda: len(conn.execute(told).fetchall()) == 1, 20, lambda: "the clock is still wrong")
            look.set()
