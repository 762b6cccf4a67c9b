"""Clear a data folder of an earlier run: a server that still lives, or the pid file of one that was killed.

PostgreSQL itself takes any live process with the old number (a zombie too) for its predecessor and refuses to start.
This module looks at the processes whose working folder is the cluster: only those of its own server.
"""

import os
import signal
import time
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

PROC = Path("/proc")
ORPHANS_S = 20.0
"""How long the children of a killed server may take to notice that it is gone."""


def clear_the_way(cluster: Path) -> bool:
    """Leave the cluster without a server and without the pid file of a dead one; returns whether a server was ended.

    A server that outlived the program that started it is shut down cleanly. Raises RuntimeError where processes stay.
    Without a /proc (not Linux) it does nothing, and PostgreSQL's own check decides.
    """
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists() or not PROC.joinpath("self").exists():
        return False
    postmaster = _pid_in(pid_file)
    processes = processes_in(cluster)
    found = postmaster is not None and postmaster in processes
    if postmaster is not None and found:
        log.warning("an earlier server still runs and is shut down", pid=postmaster, cluster=str(cluster))
        os.kill(postmaster, signal.SIGINT)
    deadline = time.monotonic() + ORPHANS_S
    while processes := processes_in(cluster):
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes {sorted(processes)} still work in {cluster}; stop them and start again")
        time.sleep(0.05)
    if pid_file.exists():
        log.warning("the last server was killed; the database recovers from its log", cluster=str(cluster))
        pid_file.unlink()
    return found


def processes_in(cluster: Path) -> set[int]:
    """Find the numbers of the live processes whose working folder is ``cluster``. A zombie has none."""
    wanted = str(cluster.resolve())
    numbers = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                folder = os.readlink(entry / "cwd")
            except OSError:  # gone meanwhile, a zombie, or another user's
                continue
            if folder == wanted:
                numbers.add(int(entry.name))
    return numbers


def _pid_in(pid_file: Path) -> int | None:
    first = pid_file.read_text(errors="replace").partition("\n")[0].strip()
    return int(first) if first.isdigit() else None
