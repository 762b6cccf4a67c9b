"""The last backup, check and restore drill of each machine, and the state of the WAL archive."""

import datetime as dt
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import class_row

Kind = Literal["database", "files", "check", "drill"]
KINDS: tuple[Kind, ...] = ("database", "files", "check", "drill")


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempt of one kind on one machine. ``well_age_s``: age of the last good one; None: there was none."""

    machine: str
    kind: Kind
    good: bool
    text: str
    well_age_s: float | None


class WalArchive(msgspec.Struct, frozen=True, kw_only=True):
    """The words of ``pg_stat_archiver``: newest archived segment, newest failure. ``mode``: of ``archive_mode``;
    ``now``, ``started``: the server's clock, and when it was started."""

    mode: str
    archived: dt.datetime | None
    failed: dt.datetime | None
    started: dt.datetime
    now: dt.datetime

    @property
    def on(self) -> bool:
        """Whether WAL is archived at all."""
        return self.mode in ("on", "always")

    @property
    def age_s(self) -> float:
        """Age of the newest archived segment; where there is none, time since the server was started."""
        return (self.now - (self.archived or self.started)).total_seconds()


def record(conn: psycopg.Connection[Any], machine: str, kind: Kind, good: bool, text: str) -> None:
    """Keep the result of an attempt in the place of the one before."""
    conn.execute(
        """
        INSERT INTO backup_report AS b (machine, kind, good, text, at, well_at)
        VALUES (%(machine)s, %(kind)s, %(good)s, %(text)s, clock_timestamp(),
            CASE WHEN %(good)s THEN clock_timestamp() END)
        ON CONFLICT (machine, kind) DO UPDATE SET good = EXCLUDED.good, text = EXCLUDED.text, at = EXCLUDED.at,
            well_at = coalesce(EXCLUDED.well_at, b.well_at)
        """,
        {"machine": machine, "kind": kind, "good": good, "text": text.replace("\0", "")[:2000]},
    )


def load(conn: psycopg.Connection[Any]) -> list[BackupReport]:
    """Load the reports of every machine."""
    with conn.cursor(row_factory=class_row(BackupReport)) as cursor:
        return cursor.execute(
            "SELECT machine, kind, good, text, extract(epoch FROM clock_timestamp() - well_at)::float8 AS well_age_s"
            " FROM backup_report ORDER BY kind, machine"
        ).fetchall()


def wal_archive(conn: psycopg.Connection[Any]) -> WalArchive:
    """Ask the server how far the archive of its WAL is."""
    row = conn.execute(
        "SELECT current_setting('archive_mode'), last_archived_time, last_failed_time, pg_postmaster_start_time(),"
        " clock_timestamp() FROM pg_stat_archiver"
    ).fetchone()
    assert row is not None  # noqa: S101 - the view has one row
    return WalArchive(mode=row[0], archived=row[1], failed=row[2], started=row[3], now=row[4])
