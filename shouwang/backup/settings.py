"""Read what belongs into a backup from a TOML file."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from vocabulary.toml import read_toml

PARTS = {
    "medical_keys": "keys of the medical notes: without them the notes of a restored database are lost for ever",
    "identity_keys": "keys of the identity numbers: without them the numbers are lost, and no register finds anybody",
    "link_key": "key of the links in messages",
    "pki": "certificate authority: without it no gateway can ever be added or renewed",
    "broker_store": "sessions and messages that wait in the broker",
    "alerting": "alerting's folder: spool, journal, snapshot",
    "channels": "channels file",
}
"""Files that belong to a database, and why. A district names where each lies, or that it has none."""
BACKUP_HOURS = 26.0
"""A daily backup, and two hours for it."""
WAL_MINUTES = 3.0
"""A segment is closed each minute (``archive_timeout``)."""


class BackupError(ValueError):
    """Raised with what is wrong and what to do."""


class BackupSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file. ``parts``: where each part of PARTS lies; "" where the district has none. More parts may be named.

    ``recipients``: public keys of age (``age1…``): who holds one of their identities can open an archive, and this
    machine cannot. ``keep``: number of archives that stay. ``stanza``: of pgBackRest; "": the database is on another
    machine, or is saved by other means. ``database_user``: under whom root runs pgBackRest; "": as itself.
    """

    folder: Path
    recipients: tuple[str, ...]
    parts: dict[str, str]
    stanza: str = "shouwang"
    pgbackrest: str = "pgbackrest"
    database_user: str = ""
    full_days: float = 7.0
    """Age of the newest full backup from which on the next one is full again; between them are differential ones."""
    keep: int = 30
    backup_hours: float = BACKUP_HOURS
    """Greatest age of the newest database backup and of the newest archive."""
    wal_minutes: float = WAL_MINUTES
    """Greatest age of the newest archived WAL."""


def _path(kind: type[Any], value: Any) -> Any:
    return kind(value)


def load(file: Path) -> BackupSettings:
    """Read the settings. Raises BackupError, in words for an administrator."""
    try:
        settings = msgspec.convert(read_toml(file.read_text("utf-8")), BackupSettings, dec_hook=_path)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BackupError(f"{file}: {error}") from error
    missing = [name for name in PARTS if name not in settings.parts]
    if missing:
        raise BackupError(
            f'{file}: [parts] 缺少 lacks {", ".join(missing)}（写空字符串表示没有 write "" where there is none）'
        )
    if not settings.recipients:
        raise BackupError(f"{file}: recipients 为空，请用 age-keygen 生成 is empty; make a key by age-keygen")
    if settings.keep < 1:
        raise BackupError(f"{file}: keep 至少为 must be at least 1")
    return settings
