"""Open the outbox's file, and replace a damaged one by a new file with its sound rows."""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import structlog

from edge_agent.outbox.file import COLUMNS, OutboxFile, OutboxState, Row, connect, is_damage, read_row, stored_state

log = structlog.get_logger(__name__)

KEPT_DAMAGED_BYTES = 16 * 1024 * 1024
"""Longest damaged file that is kept for an examination; its sound rows are copied in any case."""
PIECE = 500
"""Rows copied in one transaction."""


def open_file(path: Path, budget_bytes: int) -> OutboxFile:
    """Open the file; where it is damaged, a new one with the sound rows of the old one.

    Raises sqlite3.Error or OSError where the disk does not take a file now.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rescued = _rescued(path)
    if rescued.exists() and not path.exists():  # the power went between the last two steps of a replacement
        rescued.replace(path)
    try:
        return OutboxFile(path, budget_bytes)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
        return replace_damaged(path, budget_bytes, str(error))


def replace_damaged(path: Path, budget_bytes: int, reason: str) -> OutboxFile:
    """Replace the file by a new one with every sound row of the old one; the new one has no epoch yet.

    The old file is touched only when the new one is complete.
    """
    rescued = _rescued(path)
    _unlink(rescued)
    rows = _copy_sound_rows(path, rescued, budget_bytes)
    aside = path.with_name(f"{path.name}.damaged")
    aside.unlink(missing_ok=True)
    if path.stat().st_size <= KEPT_DAMAGED_BYTES:
        path.rename(aside)
    _unlink(path)  # its log too, which must never meet the new file
    rescued.replace(path)
    log.error("outbox damaged, put aside", file=aside.name, reason=reason, rows_taken_over=rows)
    return OutboxFile(path, budget_bytes)


def _copy_sound_rows(path: Path, target: Path, budget_bytes: int) -> int:
    with contextlib.closing(connect(path)) as old, contextlib.closing(OutboxFile(target, budget_bytes)) as new:
        state = _sound_state(old)
        state.epoch, state.clean, state.seqs, state.pending = 0, False, {}, 0
        rows = _sound_rows(old)
        while piece := list(itertools.islice(rows, PIECE)):
            state.pending += len(piece)
            with new.transaction(state):
                for row in piece:
                    new.insert(row)
    return state.pending


def _sound_state(db: sqlite3.Connection) -> OutboxState:
    with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        return stored_state(db) or OutboxState()
    return OutboxState()


def _sound_rows(db: sqlite3.Connection) -> Iterator[Row]:
    """Every row that can still be read, from both ends of the table towards the damage."""
    seen: set[int] = set()
    for order in ("", " DESC"):
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            query = f"SELECT {COLUMNS} FROM message NOT INDEXED ORDER BY id{order}"  # noqa: S608 - constants
            for record in db.execute(query):
                row = read_row(record)
                if row is not None and row.id not in seen:
                    seen.add(row.id)
                    yield row


def _rescued(path: Path) -> Path:
    return path.with_name(f"{path.name}.rescued")


def _unlink(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
