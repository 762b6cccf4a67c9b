"""Write copies of database contents to disk, for the time without it. They hold names and addresses: private files."""

import contextlib
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def private_folder(folder: Path) -> None:
    """Make a folder that only this account can enter; files of an older version in it become private, too."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, mode in [(folder, 0o700), *((file, 0o600) for file in folder.iterdir() if file.is_file())]:
        with contextlib.suppress(OSError):  # another account's: the administrator has to look at it
            path.chmod(mode)


def replace_copy(file: Path, data: bytes) -> None:
    """Replace the file in one step: a reader sees the whole old or the whole new one. Where the disk refuses, the old
    copy stays and the error is logged."""
    fresh = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(data)
        fresh.replace(file)
    except OSError as error:
        log.error("a copy for the time without the database cannot be kept", file=file.name, error=str(error))
