"""Make exports: one after another, some residents at a time, so that a restart goes on where it was.

The lines of these residents are counted in one transaction; after a crash the rest of a file is cut off and written
anew. How many they are goes by the time that the last ones took.
"""

import datetime as dt
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import structlog

from database.pool import connect_options
from database.settings import DatabaseSettings
from exchange.bulk import exports, lines
from exchange.bulk.exports import Export
from exchange.fhir import alerts, observations, people
from exchange.fhir.arrivals import spans_of
from exchange.fhir.search import FIRST, Span
from observability.liveness import Liveness, Part

log = structlog.get_logger(__name__)
LOOK_S, RETRY_S = 1.0, 2.0
CLEAN_EVERY = dt.timedelta(minutes=10)
STATEMENT_MS = 600_000
"""For the readings of one resident."""
AT_ONCE, TURN_S = 256, 1.0
"""Residents of one transaction at most, and the seconds that it should take."""
FILE_BYTES = 256 * 1024 * 1024
"""A file that has so much gets no further residents."""
LOCK = 0x45585052  # "EXPR"


class TooLargeError(Exception):
    """The export has more bytes than an export may have."""


class Maker:
    """One thread; of several processes one works, by a lock at the database."""

    def __init__(self, database: DatabaseSettings, folder: Path, most_mb: int, liveness: Liveness) -> None:
        self._database = database.model_copy(update={"statement_timeout_ms": STATEMENT_MS})
        self._folder, self._most, self._liveness = folder, most_mb * 1024 * 1024, liveness
        self._stop = threading.Event()
        self._cleaned: dt.datetime | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Go on by itself."""
        self._threads = [self._liveness.start("exports", self._run)]

    def stop(self) -> None:
        """End after the residents that are being written."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, part: Part) -> None:
        while not self._stop.is_set():
            try:
                options = connect_options(self._database, "exchange-exports")
                with psycopg.connect(self._database.url, autocommit=True, **options) as conn:
                    conn.prepare_threshold = None  # as in exchange.shell.state
                    while not self._stop.is_set():
                        part.turned()
                        if not self.turn(conn, self._stop.is_set, part.turned):
                            self._stop.wait(LOOK_S)
            except psycopg.Error as error:
                part.held_up(f"the database is away: {error}")
                log.warning("database away; exports wait", error=str(error).strip())
                self._stop.wait(RETRY_S)

    def turn(
        self, conn: psycopg.Connection[Any], stopped: Callable[[], bool], turned: Callable[[], None] = lambda: None
    ) -> bool:
        """Go on with the oldest export until it is made or ``stopped`` says so; False: there is none."""
        row = conn.execute("SELECT pg_try_advisory_lock(%s, 0)", (LOCK,)).fetchone()
        if row is None or not row[0]:
            return False
        now = dt.datetime.now(dt.UTC)
        if self._cleaned is None or now - self._cleaned > CLEAN_EVERY:
            self._cleaned = now
            exports.clean(conn, self._folder)
        export = exports.next_open(conn)
        if export is None:
            return False
        try:
            self._make(conn, export, stopped, turned)
        except TooLargeError:
            zh, en = "导出超出大小上限，请用 _since 和 _type 缩小范围", "it is too large: narrow it by _since and _type"
            self._fail(conn, export, zh, en)
        except OSError as error:
            log.error("an export cannot be written", error=str(error))
            self._fail(conn, export, "服务器无法写入文件", "the server cannot write the file")
        return True

    def _fail(self, conn: psycopg.Connection[Any], export: Export, zh: str, en: str) -> None:
        conn.execute(
            "UPDATE exchange_export SET state = 'failed', problem_zh = %s, problem_en = %s WHERE id = %s",
            (zh, en, export.id),
        )
        shutil.rmtree(self._folder / str(export.id), ignore_errors=True)

    def _make(
        self, conn: psycopg.Connection[Any], export: Export, stopped: Callable[[], bool], turned: Callable[[], None]
    ) -> None:
        folder = self._folder / str(export.id)
        folder.mkdir(parents=True, exist_ok=True)
        conn.execute("UPDATE exchange_export SET state = 'running' WHERE id = %s AND state = 'waiting'", (export.id,))
        place, some = export.done, 1
        while place < len(export.residents):
            if stopped():
                return
            turned()
            began, residents = time.monotonic(), export.residents[place : place + some]
            with conn.transaction():
                row = conn.execute(
                    "SELECT state FROM exchange_export WHERE id = %s FOR UPDATE", (export.id,)
                ).fetchone()
                if row is None or row[0] != "running":
                    return  # deleted meanwhile
                for kind in export.types:
                    self._write(conn, folder, export, kind, residents)
                place += len(residents)
                conn.execute("UPDATE exchange_export SET done = %s WHERE id = %s", (place, export.id))
            some = min(some * 2, AT_ONCE) if time.monotonic() - began < TURN_S else max(some // 2, 1)
        conn.execute("UPDATE exchange_export SET state = 'done' WHERE id = %s AND state = 'running'", (export.id,))

    def _write(
        self, conn: psycopg.Connection[Any], folder: Path, export: Export, kind: str, residents: Sequence[int]
    ) -> None:
        total = conn.execute(
            "SELECT coalesce(sum(bytes), 0)::bigint FROM exchange_export_file WHERE export_id = %s", (export.id,)
        ).fetchone()
        found = conn.execute(
            "SELECT number, count, bytes FROM exchange_export_file WHERE export_id = %s AND type = %s"
            " AND bytes < %s ORDER BY number DESC LIMIT 1",
            (export.id, kind, FILE_BYTES),
        ).fetchone()
        if found is None:
            found = conn.execute(
                "INSERT INTO exchange_export_file (export_id, number, type)"
                " SELECT %s, coalesce(max(number), 0) + 1, %s FROM exchange_export_file WHERE export_id = %s"
                " RETURNING number, count, bytes",
                (export.id, kind, export.id),
            ).fetchone()
        number, count, size = found or (1, 0, 0)
        before = (total[0] if total else 0) - size
        with open(os.open(folder / f"{number}.ndjson", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.truncate(size)  # what an earlier program wrote and did not count
            file.seek(size)
            for block in blocks(conn, export, kind, residents):
                size += len(block)
                count += block.count(b"\n")
                if before + size > self._most:
                    raise TooLargeError
                file.write(block)
        conn.execute(
            "UPDATE exchange_export_file SET count = %s, bytes = %s WHERE export_id = %s AND number = %s",
            (count, size, export.id, number),
        )


def blocks(conn: psycopg.Connection[Any], export: Export, kind: str, who: Sequence[int]) -> Iterator[bytes]:
    """The lines of a type of resources of these residents; none of whoever took the consent back meanwhile."""
    token, known = export.token_id, Span(export.since or FIRST, export.until)
    if kind == "Patient":
        yield lines.encoded([people.patient(row) for row in people.patients(conn, token, ids=who, limit=len(who))])
    elif kind == "Device":
        yield lines.encoded([people.device(row) for row in people.devices(conn, token, patients=who, limit=2**31 - 1)])
    elif kind == "DeviceMetric":
        yield lines.encoded([people.metric(row) for row in people.series(conn, token, patients=who)])
    elif kind == "Observation":
        rows = people.series(conn, token, patients=who)
        agreed = [row["id"] for row in people.patients(conn, token, ids=who, limit=len(who))]
        yield lines.encoded(observations.blind_times(conn, agreed, known, limit=10_000 * len(who)))
        series = {row["id"]: row for row in rows}
        yield from lines.readings(conn, series, spans_of(conn, series, Span(), known, export.until))
    else:
        make = alerts.flag if kind == "Flag" else alerts.detected_issue
        key = None
        while True:
            page = alerts.find(conn, token, patients=who, changed=export.since, key=key, limit=lines.PAGE)
            yield lines.encoded([make(row, "zh") for row in page])
            if len(page) < lines.PAGE:
                return
            key = (_us(page[-1]["raised_at"]), page[-1]["id"])


def _us(at: dt.datetime) -> int:
    return (at - FIRST) // dt.timedelta(microseconds=1)
