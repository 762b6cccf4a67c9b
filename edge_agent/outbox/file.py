"""The outbox's file: SQLite in WAL mode with ``synchronous=FULL``, so that a commit survives a power cut.

Every row and the state carry a CRC: rows that a torn write or a worn SD card has changed are recognised and never sent.
A file that SQLite cannot read any more is put aside, and its sound rows are copied into a new one.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_agent.files import private

Lane = Literal["events", "frames"]
FORMAT = 2
"""``PRAGMA user_version`` of the file."""
WAL_BYTES = (64 * 1024, 4 * 1024 * 1024)
"""The write-ahead log's share of the budget: an eighth, within these bounds."""
SHM_BYTES = 64 * 1024
PAGE_BYTES = 512
"""Of a new file. A commit writes each page that it touches as a whole: the smaller, the less the card wears."""
MIN_PAGES = 24
FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)
"""Exceptions of SQLite for a bad disk or a bad file."""
_DAMAGE = frozenset(
    # our statements are constant: an error in one of them, or of a type, means that the schema was changed
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
)

_SCHEMA = {
    "state": """CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL)""",
    "message": """CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    boot INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    epoch INTEGER NOT NULL,   -- 0, '' and 0 until the message is numbered
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL
)""",
    "message_event": "CREATE INDEX message_event ON message (id) WHERE lane = 'events'",
    "message_waiting": ("CREATE INDEX message_waiting ON message (made_us, id) WHERE lane = 'frames' AND seq = 0"),
    "message_numbered": (
        "CREATE INDEX message_numbered ON message (epoch, stream, seq) WHERE lane = 'frames' AND seq > 0"
    ),
}
COLUMNS = "id, lane, boot, made_us, readings, body, epoch, stream, seq, crc"


class Row(msgspec.Struct, frozen=True):
    """A stored message: an encoded event or frame without its head, and the fields of the head; in order of COLUMNS."""

    id: int
    lane: Lane
    boot: int
    made_us: int
    readings: int
    body: bytes
    epoch: int = 0
    stream: str = ""
    seq: int = 0
    """0: not numbered yet."""

    def crc(self) -> int:
        head = (
            f"{self.id} {self.lane} {self.boot} {self.made_us} {self.readings} {self.epoch} {self.stream} {self.seq} "
        )
        return zlib.crc32(self.body, zlib.crc32(head.encode()))


class OutboxState(msgspec.Struct, kw_only=True):
    """Counters and numbers beside the messages; written with every transaction. Stored by field name."""

    epoch: int = 0
    clean: bool = False
    """The file was closed in good order: the numbers below are the last ones given."""
    last_us: int = 0
    last_boot: int = 0
    seqs: dict[str, int] = {}
    """By stream: the last number given in this epoch."""
    shifts: dict[int, int] = {}
    """By boot: correction (µs) of the times of its messages without a number."""
    frames: int = 0
    readings: int = 0
    events: int = 0
    lost_frames: int = 0
    lost_readings: int = 0
    lost_events: int = 0
    pending: int = 0

    def copy(self) -> "OutboxState":
        return msgspec.structs.replace(self, seqs=dict(self.seqs), shifts=dict(self.shifts))

    def count_loss(self, lane: str, readings: int) -> None:
        """Count a message that was given up, with its readings."""
        if lane == "events":
            self.lost_events += 1
        else:
            self.lost_frames += 1
            self.lost_readings += readings


def is_damage(error: BaseException) -> bool:
    """Whether the file's content is wrong, as opposed to a disk that takes nothing."""
    if isinstance(error, UnicodeDecodeError):  # a name in the schema
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.DatabaseError) and code is not None and code & 0xFF in _DAMAGE


class OutboxFile:
    """The open file; used from one thread. Its methods raise FAILURES."""

    def __init__(self, path: Path, budget_bytes: int) -> None:
        self._path = path
        self._wal_bytes = min(max(budget_bytes // 8, WAL_BYTES[0]), WAL_BYTES[1])
        self._db = connect(path)
        self.spoiled: dict[int, str] = {}
        """Id and lane of damaged rows met while reading; the owner deletes and counts them."""
        try:
            self._prepare()
            (page,) = self._db.execute("PRAGMA page_size").fetchone()
            self.state = stored_state(self._db) or OutboxState()
            """The state in the file when it was opened."""
            if not self.state.clean:
                self._examine()
        except BaseException:
            self._db.close()
            raise
        self._page_bytes = int(page)
        self._pages = max(MIN_PAGES, (budget_bytes - self._wal_bytes - SHM_BYTES) // self._page_bytes)
        self._db.execute(f"PRAGMA journal_size_limit = {self._wal_bytes}")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {max(4, self._wal_bytes // 2 // (self._page_bytes + 24))}")

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self, state: OutboxState) -> Iterator[None]:
        """All or nothing; ``state`` is written as it is at the end."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (_pack(state),))
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")  # SQLite has rolled back by itself after most errors
            raise

    def insert(self, row: Row) -> Row:
        """Add a row. Raises sqlite3.IntegrityError where the id is taken."""
        self._db.execute(
            f"INSERT INTO message ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
            (*msgspec.structs.astuple(row), row.crc()),
        )
        return row

    def update(self, row: Row) -> None:
        """Store the number and time of a row."""
        self._db.execute(
            "UPDATE message SET made_us = ?, epoch = ?, stream = ?, seq = ?, crc = ? WHERE id = ?",
            (row.made_us, row.epoch, row.stream, row.seq, row.crc(), row.id),
        )

    def delete(self, ids: Iterable[int]) -> int:
        """Delete rows; the count of those that were there."""
        return sum(self._db.execute("DELETE FROM message WHERE id = ?", (id_,)).rowcount for id_ in ids)

    def events(self, limit: int) -> list[Row]:
        """Up to ``limit`` events, oldest first."""
        return self._rows("WHERE lane = 'events' ORDER BY id LIMIT ?", limit)

    def waiting(self, since_us: int, until_us: int, limit: int) -> list[Row]:
        """Frames without a number that were made in [since, until), the oldest first."""
        return self._rows(
            "WHERE lane = 'frames' AND seq = 0 AND made_us >= ? AND made_us < ? ORDER BY made_us, id LIMIT ?",
            since_us,
            until_us,
            limit,
        )

    def numbers(self, epoch: int, stream: str, first: int, behind: int) -> set[int]:
        """The numbers from ``first`` up to below ``behind`` that are in the file."""
        rows = self._db.execute(
            "SELECT seq FROM message WHERE epoch = ? AND stream = ? AND seq >= ? AND seq < ?",
            (epoch, stream, first, behind),
        )
        return {seq for (seq,) in rows}

    def numbered_frames(self) -> list[Row]:
        """All frames that have a number, in order of their numbers."""
        return self._rows("WHERE lane = 'frames' AND seq > 0 ORDER BY epoch, stream, seq")

    def drop_oldest(self, lane: Lane) -> tuple[int, int] | None:
        """Delete the oldest frame without a number, or the oldest event: its (id, readings)."""
        if lane == "frames":
            which = "SELECT id FROM message WHERE lane = 'frames' AND seq = 0 ORDER BY made_us, id LIMIT 1"
        else:
            which = "SELECT id FROM message WHERE lane = 'events' ORDER BY id LIMIT 1"
        record = self._db.execute(
            f"DELETE FROM message WHERE id = ({which}) RETURNING id, readings"  # noqa: S608 - constants
        ).fetchone()
        return None if record is None else (int(record[0]), int(record[1]))

    def has(self, id_: int) -> bool:
        """Whether a row has this id."""
        return self._db.execute("SELECT 1 FROM message WHERE id = ?", (id_,)).fetchone() is not None

    def highest_id(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])

    def latest_us(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(made_us), 0) FROM message").fetchone()[0])

    def boots(self) -> set[int]:
        return {int(row[0]) for row in self._db.execute("SELECT DISTINCT boot FROM message WHERE seq = 0")}

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM message").fetchone()[0])

    def room(self) -> tuple[int, int]:
        """(pages that may still be filled, pages in all) within the budget; the file never gives a page back."""
        (used,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return self._pages - (used - free), self._pages

    def pages_of(self, size: int) -> int:
        """Pages that a body of this size may need, those of the trees above it included."""
        return size // self._page_bytes + 8

    def shorten_log(self) -> None:
        """Empty a write-ahead log that has outgrown its share because of readers."""
        wal = self._path.with_name(self._path.name + "-wal")
        with contextlib.suppress(OSError):
            if wal.stat().st_size > self._wal_bytes:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, where: str, *values: int) -> list[Row]:
        rows: list[Row] = []
        for record in self._db.execute(f"SELECT {COLUMNS} FROM message {where}", values):  # noqa: S608 - constants
            row = read_row(record)
            if row is not None:
                rows.append(row)
            else:
                self.spoiled[int(record[0])] = str(record[1])
        return rows

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        schema = dict(self._db.execute("SELECT name, sql FROM sqlite_schema"))
        if schema and (version, schema) != (FORMAT, _SCHEMA):
            raise _damage(f"format {version}, not {FORMAT}, or a schema that was changed")
        with self._path.open("rb") as file:
            versions = file.read(20)[18:]
        if any(one > 2 for one in versions):  # SQLite takes such a file for one that it may only read
            raise _damage(f"file format versions {list(versions)}")
        if not schema:
            self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not schema:
            self._db.execute("BEGIN")
            for statement in (*_SCHEMA.values(), f"PRAGMA user_version = {FORMAT}"):
                self._db.execute(statement)
            # at once, so that whoever reads the file finds a state in it from its first moment on
            self._db.execute("INSERT INTO state VALUES (1, ?)", (_pack(OutboxState()),))
            self._db.execute("COMMIT")

    def _examine(self) -> None:
        """Check every page after a crash, and build the indexes anew, which no CRC covers."""
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damage(str(verdict))
        self._db.execute("REINDEX")


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that may be damaged."""
    private(path)  # the files of the log get its mode
    db = sqlite3.connect(path, timeout=1, isolation_level=None)
    # damage may leave bytes that are no UTF-8; the row fails its CRC later
    db.text_factory = lambda text: text.decode("utf-8", "replace")
    db.execute("PRAGMA cell_size_check = ON")
    return db


def stored_state(db: sqlite3.Connection) -> OutboxState | None:
    """The state in the file; None where it is missing or does not fit its CRC."""
    record = db.execute("SELECT body FROM state").fetchone()
    return None if record is None else _unpack(record[0])


def read_state(path: Path) -> OutboxState:
    """The state as the last transaction left it, of a file that is in use or not. Raises sqlite3.Error."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        state = stored_state(db)
    finally:
        db.close()
    if state is None:
        raise _damage(f"{path}: the state is not readable")
    return state


def read_row(record: tuple[Any, ...]) -> Row | None:
    """The row in the ``COLUMNS`` of a message; None where they do not fit their CRC."""
    *values, crc = record
    row = Row(*values)
    return row if isinstance(row.body, bytes) and row.crc() == crc else None


def _pack(state: OutboxState) -> bytes:
    body = msgspec.msgpack.encode(state)
    return body + zlib.crc32(body).to_bytes(4, "little")


def _unpack(packed: Any) -> OutboxState | None:
    if not isinstance(packed, bytes) or zlib.crc32(packed[:-4]).to_bytes(4, "little") != packed[-4:]:
        return None
    try:
        return msgspec.msgpack.decode(packed[:-4], type=OutboxState)
    except msgspec.MsgspecError:
        return None


def _damage(reason: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
