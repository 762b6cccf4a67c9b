"""Judge whether the backups would do: ages of the newest backup, WAL and archive, and whether all is in it."""

import datetime as dt
import hashlib
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from shouwang.backup.archive import Manifest, archives, manifest_file
from shouwang.backup.settings import PARTS, BackupSettings

TIMEOUT_S = 600.0


class Finding(msgspec.Struct, frozen=True):
    """A line of the check; ``ok`` False: something to do, which the text says in both languages."""

    ok: bool
    subject: str
    text: str


def check(settings: BackupSettings, url: str, now: dt.datetime, *, verify: bool) -> list[Finding]:
    """Look at everything. ``verify``: read the whole repository of pgBackRest and the newest archive, too."""
    findings = [*judge_database(_pgbackrest_info(settings), settings, now)]
    findings.append(_wal(url, settings, now))
    findings += _archive(settings, now, verify=verify)
    if verify:
        findings.append(_verified(settings))
    return findings


def judge_database(info: Mapping[str, Any] | str, settings: BackupSettings, now: dt.datetime) -> list[Finding]:
    """Judge what ``pgbackrest info --output=json`` says of the stanza; a text: why there is no answer. Pure."""
    subject = "database backup 数据库备份"
    if isinstance(info, str):
        return [Finding(False, subject, f"pgBackRest 没有应答 does not answer: {info}")]
    backups = [one for one in info.get("backup", []) if not one.get("error")]
    if info.get("status", {}).get("code") != 0 or not backups:
        message = info.get("status", {}).get("message", "")
        return [Finding(False, subject, f"没有可用的备份 there is no usable backup（{message}）")]
    newest = max(backups, key=lambda one: one["timestamp"]["stop"])
    age = now - dt.datetime.fromtimestamp(newest["timestamp"]["stop"], dt.UTC)
    hours = age.total_seconds() / 3600
    text = f"{newest['label']}，{hours:.1f} 小时前 hours ago"
    findings = [Finding(hours <= settings.backup_hours, subject, text)]
    ciphers = {one.get("cipher", "none") for one in info.get("repo", [])}
    encrypted = "none" not in ciphers and bool(ciphers)
    findings.append(Finding(encrypted, "encryption 加密", ", ".join(sorted(ciphers)) or "none"))
    return findings


def judge_wal(
    last: dt.datetime | None, failed: dt.datetime | None, mode: str, settings: BackupSettings, now: dt.datetime
) -> Finding:
    """Judge the WAL archive by ``pg_stat_archiver``: newest segment, newest failure, ``archive_mode``. Pure."""
    subject = "WAL archive WAL 归档"
    if mode not in ("on", "always"):
        return Finding(False, subject, "archive_mode 未开启 is off: set it to on, with archive_timeout = 60")
    if failed is not None and (last is None or failed > last):
        return Finding(False, subject, f"自 {failed:%m-%d %H:%M:%S} 起失败 fails since then: see the server's log")
    if last is None:
        return Finding(False, subject, "还没有归档任何 WAL no WAL was archived yet")
    age = (now - last).total_seconds()
    return Finding(age <= settings.wal_minutes * 60, subject, f"{age:.0f} 秒前 seconds ago")


def judge_archive(manifest: Manifest | None, settings: BackupSettings, now: dt.datetime) -> list[Finding]:
    """Judge the newest archive of what belongs to the database: its age, and that each part is in it. Pure."""
    subject = "archive 密钥与文件包"
    if manifest is None:
        return [Finding(False, subject, "没有 there is none: run 'shouwang backup save'")]
    hours = (now - manifest.at).total_seconds() / 3600
    findings = [Finding(hours <= settings.backup_hours, subject, f"{hours:.1f} 小时前 hours ago")]
    for name, where in settings.parts.items():
        part = manifest.parts.get(name)
        if where and (part is None or not part.files):
            findings.append(Finding(False, f"{subject}: {name}", f"不在其中 is not in it: {PARTS.get(name, where)}"))
    return findings


def _pgbackrest_info(settings: BackupSettings) -> dict[str, Any] | str:
    try:
        done = subprocess.run(
            [settings.pgbackrest, f"--stanza={settings.stanza}", "info", "--output=json"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode:
            return (done.stderr or done.stdout).strip()[-300:]
        stanzas = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error)
    return dict(stanzas[0]) if stanzas else "no stanza"


def _wal(url: str, settings: BackupSettings, now: dt.datetime) -> Finding:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
            row = conn.execute(
                "SELECT last_archived_time, last_failed_time, current_setting('archive_mode'), clock_timestamp()"
                " FROM pg_stat_archiver"
            ).fetchone()
    except psycopg.Error as error:
        return Finding(False, "WAL archive WAL 归档", f"数据库没有应答 the database does not answer: {error}")
    assert row is not None  # noqa: S101 - the view has one row
    return judge_wal(row[0], row[1], row[2], settings, row[3])


def _archive(settings: BackupSettings, now: dt.datetime, *, verify: bool) -> list[Finding]:
    newest = archives(settings.folder)[-1:]
    manifest = None
    if newest and manifest_file(newest[0]).exists():
        manifest = msgspec.json.decode(manifest_file(newest[0]).read_bytes(), type=Manifest)
    findings = judge_archive(manifest, settings, now)
    if verify and manifest is not None:
        with newest[0].open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256
        findings.append(Finding(same, "archive 密钥与文件包：sha256", "一致 as saved" if same else "已损坏 damaged"))
    return findings


def _verified(settings: BackupSettings) -> Finding:
    subject = "verify 校验"
    try:
        done = subprocess.run(
            [settings.pgbackrest, f"--stanza={settings.stanza}", "verify"],
            capture_output=True, text=True, timeout=TIMEOUT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(False, subject, str(error))
    words = (done.stdout + done.stderr).strip()
    return Finding(done.returncode == 0 and "ERROR" not in words, subject, words.splitlines()[-1] if words else "ok")
