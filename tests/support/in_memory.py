"""Where tests keep their files: in memory, if there is room for it.

A test's own database is a copy of 1,300 files; on a disk that takes ten times as long, and six tests at a time make it
a hundred times. The first process of a run makes the folder and removes it at its end; those it starts inherit it.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from database.server.user import TEST_CLUSTERS

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
ENOUGH = 8_000_000_000
"""Bytes free: six processes with two clusters each, and pytest's folders of three hundred databases."""


def use() -> None:
    """Set the environment that pytest and the clusters read; nothing where somebody has said another place."""
    if TEST_CLUSTERS in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH:
        return
    folder = Path(tempfile.mkdtemp(prefix="shouwang-test.", dir=MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # The clusters lie beside pytest's folders: those are private, and where we are root the servers are another user's.
    folder.chmod(0o711)
    clusters = folder / "clusters"
    clusters.mkdir()
    clusters.chmod(0o755)
    os.environ |= {TEST_CLUSTERS: str(clusters), "PYTEST_DEBUG_TEMPROOT": str(folder)}
