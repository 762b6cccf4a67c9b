"""Tell the database how an attempt went, so that the doctor, the console and the metrics know it."""

import socket
from collections.abc import Callable

import psycopg
import structlog

from database.reports.backup_reports import Kind, record
from shouwang.backup.settings import BackupError

log = structlog.get_logger(__name__)


def told(url: str | None, kind: Kind, attempt: Callable[[], str]) -> str:
    """Attempt it, and tell its text or why it failed. Raises what the attempt raises.

    A database that is away is no reason to save nothing: then nobody is told, and the doctor sees it by the age.
    """
    try:
        text = attempt()
    except (BackupError, OSError) as error:
        tell(url, kind, False, str(error))
        raise
    tell(url, kind, True, text)
    return text


def tell(url: str | None, kind: Kind, good: bool, text: str) -> None:
    """Keep the result; logged where the database cannot be reached."""
    if url is None:
        return
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
            record(conn, socket.gethostname(), kind, good, text)
    except psycopg.Error as error:
        log.warning("the database does not hear of the backup", kind=kind, error=" ".join(str(error).split()))
