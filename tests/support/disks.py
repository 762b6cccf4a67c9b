"""Disks that refuse every byte, and small ones."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog


@contextmanager
def refusing_writes() -> Iterator[None]:
    """Make every write to a file of this process fail (RLIMIT_FSIZE of 0; Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with structlog.testing.capture_logs():  # what pytest captures goes to a file too
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class SmallDisk:
    """A tmpfs of its own size, which a test fills and empties; needs the right to mount."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder, self._size = folder, size
        self._ballast = folder / "ballast"

    def mount(self) -> str:
        """Mount it; returns why that is not possible, or ""."""
        self.folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else f"cannot mount a tmpfs here (run as root): {done.stderr.strip()}"

    def fill(self) -> None:
        """Fill it to the last byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        self._ballast.unlink()

    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)
