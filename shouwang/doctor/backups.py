"""Check the backups of the district: how old the last one is, that WAL is archived, when a restore was tried."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from database.reports.backup_reports import BackupReport, Kind, WalArchive, load, wal_archive
from shouwang.backup.check import judge_wal
from shouwang.backup.settings import BACKUP_HOURS
from shouwang.doctor.check import Check
from shouwang.setup.backups import IDENTITY

SET_UP = "systemctl enable --now shouwang-backup.timer shouwang-backup-check.timer shouwang-backup-verify.timer"
GUIDE = "docs/backup.md"
_H = 3600.0


class _Row(msgspec.Struct, frozen=True):
    """A kind of report as a row: the greatest age, what to do where there is none, and whether an old one is bad."""

    kind: Kind
    what: str
    most_s: float
    never: str
    old_is_bad: bool = True


ROWS = (
    _Row(
        "database",
        "backup of the database",
        BACKUP_HOURS * _H,
        f"none is set up: apt-get install pgbackrest, shouwang setup, {SET_UP} ({GUIDE})",
    ),
    _Row("files", "backup of keys and files", BACKUP_HOURS * _H, f"none is set up: {SET_UP} ({GUIDE})"),
    _Row("check", "check of the backups", 3 * _H, f"none was made: {SET_UP}"),
    _Row("drill", "restore drill", 92 * 24 * _H, f"no restore was ever tried: shouwang backup drill ({GUIDE})", False),
)
"""``check`` runs hourly; a quarter without a drill is worth a note."""


def backup_checks(conn: psycopg.Connection[Any], identity: Path = Path(IDENTITY)) -> Iterator[Check]:
    """Check what each machine told of its backups, what the server says of its WAL, and where the key is."""
    reports = load(conn)
    for row in ROWS:
        yield judge_reports(row, [report for report in reports if report.kind == row.kind])
    yield judge_archive(wal_archive(conn))
    if identity.exists():
        text = (
            f"{identity} opens the backups and lies beside them: give it to two people and a safe, and remove it here"
        )
        yield Check("key of the backups", True, text, warning=True)


def judge_reports(row: _Row, reports: Iterable[BackupReport]) -> Check:
    """Judge the reports of one kind: the last attempt has to be good and not too old, on every machine. Pure."""
    told, faults, stale = list(reports), [], []
    for report in told:
        if not report.good:
            faults.append(f"{report.machine}: {report.text}")
        elif report.well_age_s is None or report.well_age_s > row.most_s:
            stale.append(f"{report.machine}: {_age(report.well_age_s)} old")
    if not told:
        return Check(row.what, True, row.never, warning=True)
    gone = "; of a machine that is gone for good delete the row in the table backup_report" if stale else ""
    if faults or (stale and row.old_is_bad):
        look = "journalctl -u 'shouwang-backup*'"
        return Check(row.what, False, f"{'; '.join([*faults, *stale])}; {look}{gone}")
    ages = ", ".join(f"{report.machine} {_age(report.well_age_s)} ago" for report in told)
    return Check(row.what, True, f"{ages}{': try one again' if stale else ''}", warning=bool(stale))


def judge_archive(archive: WalArchive) -> Check:
    """Judge the archive of WAL: off is a note, behind or failing is bad. Pure."""
    what = "WAL archive"
    if not archive.on:
        text = f"none is set up: with the machine all since the last backup is lost; archive_mode is off ({GUIDE})"
        return Check(what, True, text, warning=True)
    found = judge_wal(archive)
    return Check(what, found.ok, found.text)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds / _H:.1f} h" if seconds < 96 * _H else f"{seconds / 24 / _H:.0f} days"
