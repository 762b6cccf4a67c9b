"""The judgement of backups: ages, failures, encryption, parts that are missing. Pure, with the clock given."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from database.reports.backup_reports import WalArchive
from shouwang.backup.archive import Manifest, Part
from shouwang.backup.check import judge_archive, judge_changed, judge_database, judge_wal
from shouwang.backup.pgbackrest import next_type
from shouwang.backup.settings import PARTS, BackupError, BackupSettings, load

NOW = dt.datetime(2026, 11, 28, 2, tzinfo=dt.UTC)
SETTINGS = BackupSettings(folder=Path("/x"), recipients=("age1x",), parts={name: f"/{name}" for name in PARTS})


def info(hours: float, *, error: bool = False, cipher: str = "aes-256-cbc", code: int = 0) -> dict[str, Any]:
    stop = (NOW - dt.timedelta(hours=hours)).timestamp()
    backup = {"label": "20261127-020000F", "timestamp": {"start": stop - 60, "stop": stop}, "error": error}
    return {"backup": [backup], "status": {"code": code, "message": "ok"}, "repo": [{"cipher": cipher}]}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (info(25), []),
        (info(27), ["database backup 数据库备份"]),
        (info(1, error=True), ["database backup 数据库备份"]),
        (info(1, code=2), ["database backup 数据库备份"]),
        (info(1, cipher="none"), ["encryption 加密"]),
        ("No such file: pgbackrest", ["database backup 数据库备份"]),
    ],
)
def test_the_database_s_backup(answer: Any, wrong: list[str]) -> None:
    assert [one.subject for one in judge_database(answer, SETTINGS, NOW) if not one.ok] == wrong


@pytest.mark.parametrize(
    ("last_s", "failed_s", "mode", "up_s", "ok"),
    [
        (60, None, "on", 900, True),
        (200, None, "on", 900, False),
        (60, 90, "on", 900, True),
        (90, 60, "on", 900, False),
        (None, None, "on", 900, False),
        (None, None, "on", 90, True),
        (None, 60, "on", 90, False),
        (60, None, "off", 900, False),
    ],
)
def test_the_archive_of_wal(last_s: int | None, failed_s: int | None, mode: str, up_s: int, ok: bool) -> None:
    last, failed = (None if s is None else NOW - dt.timedelta(seconds=s) for s in (last_s, failed_s))
    found = WalArchive(mode=mode, archived=last, failed=failed, started=NOW - dt.timedelta(seconds=up_s), now=NOW)
    assert judge_wal(found).ok == ok


def test_a_full_backup_each_week_and_differential_ones_between() -> None:
    def of(kind: str, hours: float) -> dict[str, Any]:
        return {**info(hours)["backup"][0], "type": kind}

    for backups, expected in (
        ([], "full"),
        ([of("full", 24)], "diff"),
        ([of("full", 24 * 6.5), of("diff", 1)], "diff"),
        ([of("full", 24 * 7), of("diff", 24)], "full"),
        ([{**of("full", 24), "error": True}], "full"),
    ):
        assert next_type({"backup": backups}, SETTINGS, NOW) == expected
    assert next_type("no stanza", SETTINGS, NOW) == "full"


def test_a_key_that_was_changed_after_it_was_saved_is_named() -> None:
    saved = Manifest(at=NOW, parts={})
    changed = {"medical_keys": NOW + dt.timedelta(minutes=1), "link_key": NOW - dt.timedelta(days=1)}
    assert [one.subject.rpartition("：")[2] for one in judge_changed(saved, changed)] == ["medical_keys"]


def test_each_part_that_is_missing_is_named() -> None:
    whole = Manifest(at=NOW, parts={name: Part(1, 10) for name in PARTS})
    assert all(one.ok for one in judge_archive(whole, SETTINGS, NOW))
    for name in PARTS:
        without = Manifest(at=NOW, parts={**whole.parts, name: Part(0, 0)})
        wrong = [one.subject for one in judge_archive(without, SETTINGS, NOW) if not one.ok]
        assert [subject.endswith(name) for subject in wrong] == [True]
    assert not judge_archive(None, SETTINGS, NOW)[0].ok
    assert not judge_archive(whole, SETTINGS, NOW + dt.timedelta(hours=27))[0].ok


def test_settings_that_forget_a_part_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup.toml"
    file.write_text('folder = "/x"\nrecipients = ["age1x"]\n[parts]\npki = "/pki"\n')
    with pytest.raises(BackupError, match="medical_keys"):
        load(file)
    listed = "\n".join(f'{name} = ""' for name in PARTS)
    file.write_text(f'folder = "/x"\nrecipients = []\n[parts]\n{listed}\n')
    with pytest.raises(BackupError, match="age-keygen"):
        load(file)
