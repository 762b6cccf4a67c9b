"""Disks that take nothing: the database's, for as long as the fault lasts."""

import time
from pathlib import Path

from shouwang.drills.place import Place

BLOCK = 1 << 20


def database_disk(place: Place, seconds: float) -> None:
    """Fill the disk on which the database lies, where it is small and of its own; make room afterwards.

    Raises RuntimeError where the database shares a larger disk with others: a drill must not fill that.
    """
    ballast = place.postgres.cluster.parent / "ballast"
    _refuse_a_shared_disk(ballast.parent)
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(BLOCK))
    except OSError:
        time.sleep(seconds)
    finally:
        ballast.unlink(missing_ok=True)


def _refuse_a_shared_disk(folder: Path) -> None:
    import os

    size = os.statvfs(folder)
    if size.f_blocks * size.f_frsize > 4 << 30:
        raise RuntimeError(
            f"{folder} 所在磁盘太大，演练不会填满它；请用 --data 指定一个不超过 4 GB 的专用磁盘（如 tmpfs）"
            f" The disk of {folder} is not one of its own; give --data on a file system of at most 4 GB (a tmpfs)"
        )
