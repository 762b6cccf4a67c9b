"""Disks that take nothing for as long as the fault lasts: the database's, the gateways'."""

import os
import resource
import sys
import time
from pathlib import Path

from shouwang.drills.apart import HomesApart
from shouwang.drills.place import Place

BLOCK = 1 << 20


def database_disk(place: Place, seconds: float) -> None:
    """Fill the disk on which the database lies, where it is small and of its own; make room afterwards.

    PostgreSQL ends meanwhile; as systemd does by ``postgresql@.service.d/shouwang.conf``, it is started until it runs.

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
    if place.postgres.pid is None:
        place.postgres.kill()  # it has ended by itself; what it held is let go
        place.postgres.start()


def gateway_disk(place: Place, seconds: float) -> None:
    """Let every write of the gateways to a file fail, and cut their line in the second third of that time.

    Raises RuntimeError where the gateways are no process of their own, or on another system than Linux.
    """
    homes = place.homes
    if not isinstance(homes, HomesApart) or sys.platform != "linux":
        raise RuntimeError("本演练需要 Linux this drill needs Linux")
    _, hard = resource.prlimit(homes.pid, resource.RLIMIT_FSIZE)
    soft, _ = resource.prlimit(homes.pid, resource.RLIMIT_FSIZE, (0, hard))  # a file may not grow to more than that
    try:
        time.sleep(seconds / 3)
        place.home_line.trouble("cut", seconds / 3)
        time.sleep(seconds * 2 / 3)
    finally:
        resource.prlimit(homes.pid, resource.RLIMIT_FSIZE, (soft, hard))


def _refuse_a_shared_disk(folder: Path) -> None:
    size = os.statvfs(folder)
    if size.f_blocks * size.f_frsize > 4 << 30:
        raise RuntimeError(
            f"{folder} 所在磁盘太大，演练不会填满它；请用 --data 指定一个不超过 4 GB 的专用磁盘（如 tmpfs）"
            f" The disk of {folder} is not one of its own; give --data on a file system of at most 4 GB (a tmpfs)"
        )
