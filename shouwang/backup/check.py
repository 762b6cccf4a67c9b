"""Judge whether the backups would do: ages of the newest backup, WAL and archive, and whether all is in it."""

import datetime as dt
import hashlib
from pathlib import Path

import msgspec
import psycopg

from database.reports.backup_reports import WalArchive, wal_archive
from shouwang.backup import pgbackrest
from shouwang.backup.archive import Manifest, archives, manifest_file
from shouwang.backup.settings import PARTS, WAL_MINUTES, BackupError, BackupSettings

WAL = "WAL archive WAL 归档"


class Finding(msgspec.Struct, frozen=True):
    """A line of the check; ``ok`` False: something to do, which the text says in both languages."""

    ok: bool
    subject: str
    text: str


def check(settings: BackupSettings, url: str, now: dt.datetime, *, verify: bool) -> list[Finding]:
    """Look at everything. ``verify``: read the whole repository of pgBackRest and the newest archive, too."""
    findings = []
    if settings.stanza:
        findings += [*judge_database(pgbackrest.info(settings), settings, now), _wal(url, settings)]
    findings += _archive(settings, now, verify=verify)
    if verify and settings.stanza:
        findings.append(_verified(settings))
    return findings


def judge_database(info: pgbackrest.Info, settings: BackupSettings, now: dt.datetime) -> list[Finding]:
    """Judge what ``pgbackrest info --output=json`` says of the stanza; a text: why there is no answer. Pure."""
    subject = "database backup 数据库备份"
    if isinstance(info, str):
        return [Finding(False, subject, f"pgBackRest 没有应答 does not answer: {info}")]
    backups = pgbackrest.usable(info)
    if info.get("status", {}).get("code") != 0 or not backups:
        message = info.get("status", {}).get("message", "")
        return [Finding(False, subject, f"没有可用的备份 there is no usable backup（{message}）")]
    newest = backups[-1]
    hours = (now - pgbackrest.stopped(newest)).total_seconds() / 3600
    text = f"{newest['label']}，{hours:.1f} 小时前 hours ago"
    findings = [Finding(hours <= settings.backup_hours, subject, text)]
    ciphers = {one.get("cipher", "none") for one in info.get("repo", [])}
    encrypted = "none" not in ciphers and bool(ciphers)
    findings.append(Finding(encrypted, "encryption 加密", ", ".join(sorted(ciphers)) or "none"))
    return findings


def judge_wal(archive: WalArchive, minutes: float = WAL_MINUTES) -> Finding:
    """Judge how far the archive of the WAL is behind. Pure."""
    if not archive.on:
        return Finding(False, WAL, "archive_mode 未开启 is off: set it to on, with archive_timeout = 60")
    archived, failed = archive.archived, archive.failed
    if failed is not None and (archived is None or failed > archived):
        return Finding(False, WAL, f"自 {failed:%m-%d %H:%M:%S} 起失败 fails since then: see the server's log")
    if archived is None:
        return Finding(archive.age_s <= minutes * 60, WAL, "还没有归档任何 WAL no WAL was archived yet")
    return Finding(archive.age_s <= minutes * 60, WAL, f"{archive.age_s:.0f} 秒前 seconds ago")


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


def judge_changed(manifest: Manifest, changed: dict[str, dt.datetime]) -> list[Finding]:
    """Judge keys and settings that were changed after they were saved. ``changed``: by the part's name. Pure."""
    return [
        Finding(
            False, f"archive 密钥与文件包：{name}", f"{at:%m-%d %H:%M:%S} 后有改动 changed since: shouwang backup save"
        )
        for name, at in changed.items()
        if at > manifest.at
    ]


def _wal(url: str, settings: BackupSettings) -> Finding:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
            return judge_wal(wal_archive(conn), settings.wal_minutes)
    except psycopg.Error as error:
        return Finding(False, WAL, f"数据库没有应答 the database does not answer: {error}")


def _archive(settings: BackupSettings, now: dt.datetime, *, verify: bool) -> list[Finding]:
    newest = archives(settings.folder)[-1:]
    manifest = None
    if newest and manifest_file(newest[0]).exists():
        manifest = msgspec.json.decode(manifest_file(newest[0]).read_bytes(), type=Manifest)
    findings = judge_archive(manifest, settings, now)
    if manifest is not None:
        files = {name: Path(where) for name, where in settings.parts.items() if where and Path(where).is_file()}
        times = {name: dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC) for name, file in files.items()}
        findings += judge_changed(manifest, times)
    if verify and manifest is not None:
        with newest[0].open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256
        findings.append(Finding(same, "archive 密钥与文件包：sha256", "一致 as saved" if same else "已损坏 damaged"))
    return findings


def _verified(settings: BackupSettings) -> Finding:
    subject = "verify 校验"
    try:
        words = pgbackrest.run(settings, "verify").strip()
    except BackupError as error:
        return Finding(False, subject, str(error))
    return Finding("ERROR" not in words, subject, words.splitlines()[-1] if words else "ok")
