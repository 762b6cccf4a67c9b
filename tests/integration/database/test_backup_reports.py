"""Reports of backups in the database: the last one counts, the time of the last good one stays; and their metrics."""

import psycopg
import pytest

from database.reports import backup_ages, doctor_rows
from database.reports.backup_reports import load, record, wal_archive
from observability import exposition
from observability.liveness import Liveness
from shouwang.doctor.backups import ROWS, backup_checks

pytestmark = pytest.mark.integration


def test_a_failed_attempt_keeps_the_time_of_the_last_good_one(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        before = {check.what: check for check in backup_checks(conn)}
        notes = {what for what, check in before.items() if check.warning}
        assert notes >= {row.what for row in ROWS} | {"WAL archive"}
        assert all(check.good for check in before.values())
        record(conn, "a", "files", True, "saved")
        conn.execute("UPDATE backup_report SET well_at = well_at - interval '2 days'")
        record(conn, "a", "files", False, "disk full\0")
        record(conn, "b", "files", True, "saved")
        (old, new) = load(conn)
        assert (old.machine, old.good, old.text) == ("a", False, "disk full")
        assert old.well_age_s is not None
        assert new.well_age_s is not None
        assert old.well_age_s > 2 * 86400 > new.well_age_s
        after = {check.what: check for check in backup_checks(conn)}
        assert "a: disk full" in after["backup of keys and files"].text
        assert not after["backup of keys and files"].good
        assert not wal_archive(conn).on
        backup_ages.look(conn)
    shown = exposition.expose("maintain", Liveness())[0].decode()
    assert 'shouwang_backup_failed{kind="files"} 1.0' in shown
    assert 'shouwang_backup_age_seconds{kind="files"} 1728' in shown
    assert 'kind="wal"' not in shown
    backup_ages.clear()
    assert 'kind="files"' not in exposition.expose("maintain", Liveness())[0].decode()


def test_a_warning_is_kept_with_the_doctors_rows(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        doctor_rows.keep(conn, "a", [("restore drill", True, "never", True), ("clocks", True, "agree", False)])
        assert [(row.what, row.warning) for row in doctor_rows.load(conn)] == [
            ("restore drill", True),
            ("clocks", False),
        ]
