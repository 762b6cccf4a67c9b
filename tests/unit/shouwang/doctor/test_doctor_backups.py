"""What the doctor says of backups: none, old ones, failed ones, an archive that is behind."""

import datetime as dt

import pytest

from database.reports.backup_reports import BackupReport, Kind, WalArchive
from shouwang.doctor.backups import ROWS, judge_archive, judge_reports

HOUR = 3600.0
BY_KIND = {row.kind: row for row in ROWS}


def report(kind: Kind, age_h: float | None, *, good: bool = True, machine: str = "a") -> BackupReport:
    age_s = None if age_h is None else age_h * HOUR
    return BackupReport(machine=machine, kind=kind, good=good, text="disk full", well_age_s=age_s)


@pytest.mark.parametrize(
    ("kind", "reports", "good", "warning", "words"),
    [
        ("database", [], True, True, "systemctl enable --now shouwang-backup.timer"),
        ("database", [report("database", 2)], True, False, "a 2.0 h ago"),
        ("database", [report("database", 27)], False, False, "27.0 h old"),
        ("database", [report("database", 2, good=False)], False, False, "disk full"),
        ("database", [report("database", None, good=False)], False, False, "disk full"),
        ("files", [report("files", 2), report("files", 48, machine="b")], False, False, "b: 48.0 h old"),
        ("check", [report("check", 2)], True, False, "ago"),
        ("check", [report("check", 4)], False, False, "old"),
        ("drill", [], True, True, "shouwang backup drill"),
        ("drill", [report("drill", 24 * 30)], True, False, "30 days"),
        ("drill", [report("drill", 24 * 100)], True, True, "try one again"),
        ("drill", [report("drill", 24, good=False)], False, False, "disk full"),
    ],
)
def test_none_is_a_note_and_an_old_or_failed_one_is_bad(
    kind: Kind, reports: list[BackupReport], good: bool, warning: bool, words: str
) -> None:
    check = judge_reports(BY_KIND[kind], reports)
    assert (check.good, check.warning) == (good, warning)
    assert words in check.text


@pytest.mark.parametrize(
    ("mode", "age_s", "good", "warning"),
    [("off", None, True, True), ("on", 50, True, False), ("on", 500, False, False), ("always", None, False, False)],
)
def test_wal_that_is_not_archived(mode: str, age_s: int | None, good: bool, warning: bool) -> None:
    now = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
    archived = None if age_s is None else now - dt.timedelta(seconds=age_s)
    found = WalArchive(mode=mode, archived=archived, failed=None, started=now - dt.timedelta(days=1), now=now)
    check = judge_archive(found)
    assert (check.good, check.warning) == (good, warning)
