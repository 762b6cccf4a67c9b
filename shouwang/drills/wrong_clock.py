"""``python -m shouwang.drills.wrong_clock FILE PACKAGE``: a service on a host whose clock the drill sets.

The file holds by how many nanoseconds the clock is ahead; it is looked at with each question for the time, as a clock
that somebody sets is. Certificates are judged by the machine's own clock.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_NS = struct.Struct("<q")


def set_clock(file: Path, ahead_s: float) -> None:
    """Set the clock of the services that look at ``file`` ahead by so many seconds (behind: below 0)."""
    if not file.exists():
        file.write_bytes(_NS.pack(0))
    with file.open("r+b") as handle:
        handle.write(_NS.pack(round(ahead_s * 1e9)))


def follow(file: Path) -> None:
    """Let this process read the time from the clock in ``file``."""
    with file.open("rb") as handle:
        shared = mmap.mmap(handle.fileno(), _NS.size, access=mmap.ACCESS_READ)
    real_ns = time.time_ns

    def time_ns() -> int:
        return real_ns() + int(_NS.unpack_from(shared)[0])

    time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9  # what our programs ask


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
    package, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(f"{package}.__main__", run_name="__main__", alter_sys=True)
