"""Small files that survive a power cut whole: with the old content or the new one, never a mixture."""

import os
from pathlib import Path


def write_durably(file: Path, content: bytes) -> None:
    """Replace ``file``: after a power cut it holds the old or the new content; after the return, the new one.

    Raises OSError where the disk refuses; the old content stays then.
    """
    beside = file.with_name(f".{file.name}.new")
    with private(beside).open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(file)
    sync_folder(file.parent)


def private(file: Path) -> Path:
    """Make sure that ``file`` exists and that only this account can read it. Raises OSError where the disk refuses."""
    file.touch(mode=0o600)
    file.chmod(0o600)  # one that an older version made
    return file


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def probe_writable(folder: Path) -> None:
    """Write a few bytes to ``folder``, wait until the disk has them, remove them. Raises OSError where it refuses."""
    file = folder / f".probe-{os.getpid()}"
    try:
        with file.open("wb") as handle:
            handle.write(b"probe\n")
            handle.flush()
            os.fsync(handle.fileno())
    finally:
        file.unlink(missing_ok=True)
