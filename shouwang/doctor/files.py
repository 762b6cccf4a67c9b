"""Check files, disks, the brokers' limits and the clock of this machine."""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_agent.timekeeping.ntp import read_clock
from shouwang.doctor.check import Check
from shouwang.setup.files import Item

DISKS = ("/var/lib/postgresql", "/var/lib/mosquitto", "/var/lib/nats", "/var/lib/shouwang", "/var/log")
LEAST_SHARE, LEAST_BYTES = 0.05, 2 * 1024**3
"""A disk with less free than both is nearly full."""


def file_checks(items: Iterable[Item], root: Path = Path("/")) -> Iterator[Check]:
    """Check that each file of the plan is there with its mode and owner; one row names all that is wrong."""
    faults: list[str] = []
    number = 0
    for item in items:
        number += 1
        faults += file_faults(root / item.path.lstrip("/"), item)
    advice = "; `shouwang setup` mends it"
    yield Check("files", not faults, "; ".join(faults) + advice if faults else f"{number} files as setup made them")


def file_faults(file: Path, item: Item) -> Iterator[str]:
    """Say what is wrong with a file: not there, another mode, another owner."""
    try:
        found = file.stat()
    except FileNotFoundError:
        yield f"{file} is missing"
        return
    except OSError as error:
        yield f"{file}: {error.strerror}"
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~item.mode:
        yield f"{file} has mode {mode:04o} instead of {item.mode:04o}: others can read or change it"
    elif item.mode & ~mode:
        yield f"{file} has mode {mode:04o} instead of {item.mode:04o}: who needs it cannot read it"
    owner = f"{_user(found.st_uid)}:{_group(found.st_gid)}"
    if owner != f"{item.owner}:{item.group}":
        yield f"{file} belongs to {owner} instead of {item.owner}:{item.group}"


def private_key(file: Path) -> Iterator[Check]:
    """Check a key that the environment names, where no plan says whose it is."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        yield Check("files", False, f"{file}: {error.strerror}")
        return
    if mode & 0o007:
        yield Check("files", False, f"{file} has mode {mode:04o}: everybody can read it; do: chmod 600 {file}")
    elif not os.access(file, os.R_OK):
        yield Check("files", False, f"{file}: this user may not read it")


def disk_checks(folders: Iterable[str] = DISKS) -> Iterator[Check]:
    """Check the free space where database, broker and services keep their data; one row for each disk."""
    seen: set[int] = set()
    for name in folders:
        folder = Path(name)
        if not folder.exists() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        found = os.statvfs(folder)
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        room = free > LEAST_BYTES or free > LEAST_SHARE * total
        text = f"{free / 1024**3:.1f} of {total / 1024**3:.1f} GB are free"
        if not room:
            text += ": free some, or nothing is stored soon" if free else ": FULL, nothing is stored; free some"
        files = not found.f_files or found.f_favail > LEAST_SHARE * found.f_files  # some file systems have no bound
        if not files:
            text += f"; only {found.f_favail:,} more files can be made: remove some"
        yield Check(f"disk of {folder}", room and files, text)


def clock_check() -> Check:
    """Check that this machine's clock is steered by NTP. A note alone: a virtual machine may have its host's clock, and
    the row ``clocks`` says whether it is wrong."""
    state = read_clock()
    if state is None:
        return Check("clock", True, "this system does not tell")
    if not state.synchronised:
        text = "not steered by NTP, as far as the kernel knows: is chrony installed and running? chronyc tracking"
        return Check("clock", True, text, warning=True)
    return Check("clock", True, f"synchronised, wrong by {state.error_ms:.0f} ms at most")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
