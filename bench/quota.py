"""Give a process a part of one core, as a small machine would: a control group of its own (cgroup v1 or v2)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

PERIOD_US = 100_000
_ROOT = Path("/sys/fs/cgroup")


class NoQuotaError(RuntimeError):
    """Raised where this machine lets nobody here limit a process: it needs root and the controller ``cpu``."""


@contextlib.contextmanager
def quota(pid: int, share: float, name: str = "shouwang-bench") -> Iterator[None]:
    """Let all threads of a process have ``share`` of one core together, until the end of the block.

    Raises NoQuotaError.
    """
    second = "cpu" in _words(_ROOT / "cgroup.controllers")
    group = _ROOT / name if second else _ROOT / "cpu" / name
    quota_us = round(PERIOD_US * share)
    try:
        if second:
            (_ROOT / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir(exist_ok=True)
        if second:
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise NoQuotaError(f"no process can be limited here: {error}") from error
    try:
        yield
    finally:
        parent = group.parent / "cgroup.procs"
        for left in _words(group / "cgroup.procs"):
            with contextlib.suppress(OSError):
                parent.write_text(left)
        with contextlib.suppress(OSError):
            group.rmdir()


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
