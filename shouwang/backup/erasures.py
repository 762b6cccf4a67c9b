"""Keep the list of erasures outside the database, and bring a restored one up to it: who was erased stays erased.

The list has numbers and no name. A backup of before an erasure still has the person; restored, it is worked off by the
database's own function, with the votes that were given then.
"""

import json
import os
from pathlib import Path

import msgspec
import psycopg
import structlog

from care_services.privacy.job import lift_limit
from shouwang.backup.settings import BackupError

log = structlog.get_logger(__name__)
NAME = "erasures.json"


class Reapplied(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome: how many the list has, those that were done again, and those that could not be."""

    listed: int
    done: list[int]
    left: list[int]


def write(url: str | None, folder: Path) -> Path | None:
    """Write the list beside the archives, where the database can be asked; else the one of before stays.

    Erasures of the old list that the database does not know stay in it: it may be a restored one. Raises OSError.
    """
    if url is None:
        return None
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
            row = conn.execute("SELECT erasure_list()").fetchone()
    except psycopg.Error as error:
        log.warning("the list of erasures stays as it was", error=" ".join(str(error).split()))
        return None
    known = {one["id"]: one for one in (row[0] if row else [])}
    file = folder / NAME
    if file.exists():
        known = {one["id"]: one for one in json.loads(file.read_text("utf-8"))} | known
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump([known[number] for number in sorted(known)], out, ensure_ascii=False, indent=1)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(file)
    return file


def reapply(url: str, file: Path) -> Reapplied:
    """Do again what the list has and the restored database does not. Repeated, it does nothing.

    ``url``: of the database's owner, before the services start. Raises BackupError where there is no list.
    """
    try:
        listed = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BackupError(f"{file}: 不是删除清单 is no list of erasures: {error}") from error
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
        lift_limit(conn)
        done = [number for (number,) in conn.execute("SELECT erase_again(%s)", (json.dumps(listed),))]
    return Reapplied(listed=len(listed), done=[one for one in done if one > 0], left=[-one for one in done if one < 0])
