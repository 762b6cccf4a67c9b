"""The gateway's outbox: every event and frame is on disk before it is sent and until the broker has it.

A frame gets its stream and sequence number when it is first handed to the uplink, not when it is made: what is fresh
goes as ``live``, what has waited goes as ``backfill``, and each stream's numbers rise by one in the order of sending.
Once given, the numbers stay, so that the district recognises a repetition. Events are numbered when they are made.

SQLite in WAL mode with ``synchronous=FULL``: a commit survives a power cut. Two commits a second are what a home costs.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from firmware_profiles import wire

log = structlog.get_logger(__name__)

Lane = Literal["events", "frames"]
FRESH_US = 30_000_000
"""A frame older than this when it is first sent is backlog."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    stream TEXT,          -- frames: given when first sent
    seq INTEGER,
    made_us INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS message_lane ON message (lane, id);
"""


class Totals(msgspec.Struct, frozen=True):
    """Counts over this buffer's whole life, and what still waits."""

    frames: int
    readings: int
    events: int
    lost_frames: int
    lost_readings: int
    pending: int


class Outgoing(msgspec.Struct, frozen=True):
    """A message ready for the wire."""

    id: int
    lane: Lane
    payload: bytes


class _FrameBody(msgspec.Struct, frozen=True, array_like=True):
    boot: int
    base_us: int
    series: list[wire.Series]


class Buffer:
    """The outbox in one SQLite file; used from one thread.

    A file that is not a sound database is put aside (renamed, kept) and a new epoch begins. Raises sqlite3.Error where
    the disk refuses to write; what was stored before stays.
    """

    def __init__(self, path: Path, gateway: str, boot_us: int, budget_bytes: int) -> None:
        self._gateway = gateway
        self._boot = boot_us
        self._budget = budget_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{path.name}.damaged-{boot_us}")
            path.rename(aside)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            log.error("buffer damaged, put aside", file=str(aside), error=str(error))
            self._db = _open(path)
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (boot_us,))
        self.epoch = self._meta("epoch")
        self._bytes: int = self._db.execute("SELECT coalesce(sum(length(body)), 0) FROM message").fetchone()[0]

    def close(self) -> None:
        self._db.close()

    def put_event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: dict[str, str | int | float | bool],
        evidence: bytes,
    ) -> None:
        """Store an event; it has its number from now on."""
        with self._db:
            seq = self._count("event_seq")
            self._count("events")
            event = wire.Event(
                wire.VERSION, self._gateway, self.epoch, self._boot, seq, time_us, device, kind, values, evidence
            )
            self._insert("events", None, seq, time_us, 0, wire.encode(event))

    def put_frame(self, base_us: int, series: Sequence[wire.Series]) -> None:
        """Store the readings of one frame; the oldest waiting frames go when the disk budget is reached."""
        readings = sum(len(one) for one in series)
        body = msgspec.msgpack.encode(_FrameBody(self._boot, base_us, list(series)))
        with self._db:
            self._count("frames")
            self._count("readings", readings)
            self._insert("frames", None, None, base_us, readings, body)
            while self._bytes > self._budget and self._drop_oldest():
                pass

    def next(self, lane: Lane, after_id: int, now_us: int, limit: int) -> list[Outgoing]:
        """Up to ``limit`` messages of a lane that come after ``after_id``, in the order of sending.

        For frames ``after_id`` is ignored: those with a number come first (they were sent before a restart), then the
        fresh ones, then the backlog; the caller leaves out what it has in flight.
        """
        if lane == "events":
            rows = self._db.execute(
                "SELECT id, body FROM message WHERE lane = 'events' AND id > ? ORDER BY id LIMIT ?", (after_id, limit)
            )
            return [Outgoing(id_, "events", body) for id_, body in rows]
        return [self._number_frame(id_, now_us) for id_ in self._unnumbered(now_us, limit)]

    def numbered_frames(self) -> list[Outgoing]:
        """Frames that have a number and no acknowledgement: to be sent again after a restart, in their order."""
        rows = self._db.execute(
            "SELECT id, stream, seq, body FROM message WHERE lane = 'frames' AND seq IS NOT NULL ORDER BY stream, seq"
        )
        return [Outgoing(id_, "frames", self._encode_frame(stream, seq, body)) for id_, stream, seq, body in rows]

    def delete(self, ids: Sequence[int]) -> None:
        """The broker has them."""
        with self._db:
            for id_ in ids:
                row = self._db.execute("DELETE FROM message WHERE id = ? RETURNING length(body)", (id_,)).fetchone()
                if row:
                    self._bytes -= row[0]

    def totals(self) -> Totals:
        return _totals(self._db)

    def _unnumbered(self, now_us: int, limit: int) -> list[int]:
        fresh = self._db.execute(
            "SELECT id FROM message WHERE lane = 'frames' AND seq IS NULL AND made_us >= ? ORDER BY id LIMIT ?",
            (now_us - FRESH_US, limit),
        ).fetchall()
        if len(fresh) < limit:
            fresh += self._db.execute(
                "SELECT id FROM message WHERE lane = 'frames' AND seq IS NULL AND made_us < ? ORDER BY id LIMIT ?",
                (now_us - FRESH_US, limit - len(fresh)),
            ).fetchall()
        return [row[0] for row in fresh]

    def _number_frame(self, id_: int, now_us: int) -> Outgoing:
        with self._db:
            made_us, body = self._db.execute("SELECT made_us, body FROM message WHERE id = ?", (id_,)).fetchone()
            stream: wire.Stream = "live" if made_us >= now_us - FRESH_US else "backfill"
            seq = self._count(f"{stream}_seq")
            self._db.execute("UPDATE message SET stream = ?, seq = ? WHERE id = ?", (stream, seq, id_))
        return Outgoing(id_, "frames", self._encode_frame(stream, seq, body))

    def _encode_frame(self, stream: wire.Stream, seq: int, body: bytes) -> bytes:
        kept = msgspec.msgpack.decode(body, type=_FrameBody)
        return wire.encode(
            wire.Frame(wire.VERSION, self._gateway, self.epoch, kept.boot, stream, seq, kept.base_us, kept.series)
        )

    def _insert(
        self, lane: Lane, stream: str | None, seq: int | None, made_us: int, readings: int, body: bytes
    ) -> None:
        self._db.execute(
            "INSERT INTO message (lane, stream, seq, made_us, readings, body) VALUES (?, ?, ?, ?, ?, ?)",
            (lane, stream, seq, made_us, readings, body),
        )
        self._bytes += len(body)

    def _drop_oldest(self) -> bool:
        """Give up the oldest frame that was never sent; an event never. Says whether there was one."""
        row = self._db.execute(
            "DELETE FROM message WHERE id = (SELECT min(id) FROM message WHERE lane = 'frames' AND seq IS NULL)"
            " RETURNING readings, length(body)"
        ).fetchone()
        if row is None:
            return False
        self._count("lost_frames")
        self._count("lost_readings", row[0])
        self._bytes -= row[1]
        return True

    def _meta(self, key: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return 0 if row is None else int(row[0])

    def _count(self, key: str, by: int = 1) -> int:
        row = self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = value + ? RETURNING value",
            (key, by, by),
        ).fetchone()
        return int(row[0])


def read_totals(path: Path) -> Totals:
    """The totals of a buffer that its agent has closed, or still uses."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return _totals(db)
    finally:
        db.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    except BaseException:
        db.close()
        raise
    return db


def _totals(db: sqlite3.Connection) -> Totals:
    meta: dict[str, int] = dict(db.execute("SELECT key, value FROM meta"))
    (pending,) = db.execute("SELECT count(*) FROM message").fetchone()
    return Totals(
        frames=meta.get("frames", 0),
        readings=meta.get("readings", 0),
        events=meta.get("events", 0),
        lost_frames=meta.get("lost_frames", 0),
        lost_readings=meta.get("lost_readings", 0),
        pending=pending,
    )


def now_us() -> int:
    """The wall clock, µs since 1970, UTC."""
    return time.time_ns() // 1000
