"""Tell what answers cost the processor: on a machine on which other work waits, only this can be judged."""

from pathlib import Path

from shouwang.platform.platform import Platform


def spent_ms(platform: Platform) -> float:
    """The processor's time of the console and of the database with its connections so far, in ms."""
    console, postgres = platform.children["console"].pid, platform.postgres.pid
    assert console is not None  # noqa: S101 - it runs
    assert postgres is not None  # noqa: S101
    return sum(_of(pid) for pid in (*_family(console), *_family(postgres)))


def _family(pid: int) -> list[int]:
    """A process with all of those that came of it."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in listed for one in _family(int(child)))]


def _of(pid: int) -> float:
    """The time of all threads of a process, in ms; 0 where it has ended meanwhile."""
    try:
        return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
