"""Run pgBackRest (https://pgbackrest.org): its backups of the database, and what it says of them."""

import datetime as dt
import json
import os
import pwd
import subprocess
from collections.abc import Mapping
from typing import Any, Literal

from database.server.user import ServerUser
from shouwang.backup.settings import BackupError, BackupSettings

INFO_S = 60.0
Info = Mapping[str, Any] | str
"""The stanza as ``pgbackrest info`` tells it; a text: why there is no answer."""


def run(settings: BackupSettings, *arguments: str, timeout_s: float | None = None) -> str:
    """Run a command of pgBackRest for the stanza; returns what it writes. Raises BackupError with its words."""
    command = [settings.pgbackrest, f"--stanza={settings.stanza}", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, cwd="/", **owner(settings).popen()
        )
    except FileNotFoundError as error:
        raise BackupError(f"没有 {error.filename} there is no {error.filename}: apt-get install pgbackrest") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackupError(f"pgbackrest {arguments[0]}: {error}") from error
    if done.returncode:
        raise BackupError(f"pgbackrest {arguments[0]}: {(done.stderr + done.stdout).strip()[-600:]}")
    return str(done.stdout) + str(done.stderr)


def info(settings: BackupSettings) -> Info:
    """Ask for the stanza's backups."""
    try:
        stanzas = json.loads(run(settings, "info", "--output=json", timeout_s=INFO_S))
    except (BackupError, ValueError) as error:
        return str(error)
    return dict(stanzas[0]) if stanzas else "no stanza"


def usable(found: Info) -> list[dict[str, Any]]:
    """The backups of a stanza that a restore can use, the oldest first. Pure."""
    backups = [] if isinstance(found, str) else [one for one in found.get("backup", []) if not one.get("error")]
    return sorted(backups, key=stopped)


def stopped(backup: Mapping[str, Any]) -> dt.datetime:
    """The end of a backup. Pure."""
    return dt.datetime.fromtimestamp(backup["timestamp"]["stop"], dt.UTC)


def next_type(found: Info, settings: BackupSettings, now: dt.datetime) -> Literal["full", "diff"]:
    """Choose the next backup: full where the last full one is ``full_days`` old, differential in between. Pure."""
    whole = [one for one in usable(found) if one.get("type") == "full"]
    old = not whole or now - stopped(whole[-1]) > dt.timedelta(days=settings.full_days, hours=-1)
    return "full" if old else "diff"


def back_up(settings: BackupSettings, now: dt.datetime) -> str:
    """Make the next backup of the database, and the stanza where there is none; returns its name and size.

    Raises BackupError.
    """
    run(settings, "stanza-create")  # one that is there stays
    run(settings, f"--type={next_type(info(settings), settings, now)}", "backup")
    newest = usable(info(settings))[-1]
    return f"{newest['label']}, {newest['info']['size'] / 1e9:.2f} GB"


def owner(settings: BackupSettings) -> ServerUser:
    """The user under whom pgBackRest runs, where we are root. Raises BackupError where there is none of that name."""
    user = settings.database_user
    if not user or os.geteuid() != 0:
        return ServerUser(None, None)
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise BackupError(f"database_user: 没有用户 {user} there is no user {user}") from error
    return ServerUser(found.pw_uid, found.pw_gid)
