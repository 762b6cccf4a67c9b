"""Copies on disk of what the database knows, for the time it is away. They hold names and addresses: private files."""

from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def keep(file: Path, data: bytes) -> None:
    """Replace the file at once: a reader sees the old or the new one, whole. A disk that takes nothing is told, and the
    old copy stays."""
    fresh = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(data)
        fresh.replace(file)
    except OSError as error:
        log.error("a copy for the time without the database can not be kept", file=file.name, error=str(error))
