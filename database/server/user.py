"""Choose the user that PostgreSQL runs as, since it refuses root, and folders that this user can reach.

Started by an ordinary user, the server runs as that user in the folders that were asked for. Started by root, it runs
as ``nobody``; where that user cannot reach the data folder or the binaries (below /root, a private checkout, a folder
of mode 0700), private folders below /var/tmp replace them. Permissions of folders we did not make are never changed.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from database.server.stale import processes_in

PRIVATE = Path("/var/tmp")  # noqa: S108 - owner and mode of what lies there are checked before use
TEST_CLUSTERS = "SHOUWANG_TEST_CLUSTERS"
"""Environment variable: a folder that takes the place of /var/tmp for clusters, for tests: one in memory."""

STANDS_FOR = "stands-for"
"""File of a replacement: the folder that was asked for."""
PASSING = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - where what is asked for does not last
"""Replacements of folders below these go when the folder has gone; a data folder elsewhere may only be unmounted."""


@dataclass(frozen=True)
class ServerUser:
    """The user of the server's processes; ``uid`` None: our own."""

    uid: int | None
    gid: int | None

    def popen(self) -> dict[str, Any]:
        """Build the arguments for subprocess that run the child as this user, with no other group."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Give a file or folder of ours to the server's user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def choose_user() -> ServerUser:
    """Choose our own user, or ``nobody`` where we are root. Raises RuntimeError where there is no such user."""
    if os.geteuid() != 0:
        return ServerUser(None, None)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise RuntimeError("PostgreSQL does not run as root and there is no user 'nobody': start as a user") from error
    return ServerUser(entry.pw_uid, entry.pw_gid)


def reachable_folder(wanted: Path, user: ServerUser) -> Path:
    """Make the folder ``wanted``, or a replacement below /var/tmp where ``user`` cannot enter it; returns that one."""
    wanted.mkdir(parents=True, exist_ok=True)
    if _can_enter(wanted, user):
        return wanted
    replacement = Path(os.environ.get(TEST_CLUSTERS, PRIVATE)) / f"shouwang-{_short_hash(str(wanted.resolve()))}"
    _own_folder(replacement)
    (replacement / STANDS_FOR).write_text(str(wanted.resolve()))
    remove_forgotten(replacement.parent)
    return replacement


def reachable_binaries(bin_dir: Path, user: ServerUser) -> Path:
    """Return ``bin_dir``, or the same folder in a copy of the installation (its parent) that ``user`` can run."""
    postgres = bin_dir / "postgres"
    if not postgres.exists():
        raise RuntimeError(f"no PostgreSQL in {bin_dir}: there is no file 'postgres'")
    if user.uid is None or _runs(postgres, user):
        return bin_dir
    information = postgres.stat()
    key = _short_hash(f"{postgres.resolve()} {information.st_size} {information.st_mtime_ns}")
    copy = PRIVATE / f"shouwang-postgresql-{key}"
    if not copy.exists():
        # Copied to a temporary name and renamed: an interrupted copy is never taken for a whole one.
        beside = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=PRIVATE))
        shutil.copytree(bin_dir.parent, beside / "install", symlinks=True, ignore=shutil.ignore_patterns("include"))
        beside.chmod(0o755)
        try:
            beside.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(beside)
    _own_folder(copy)
    copied = copy / "install" / bin_dir.name
    if not _runs(copied / "postgres", user):
        raise RuntimeError(f"{copied / 'postgres'} does not run as uid {user.uid}; is {PRIVATE} mounted noexec?")
    return copied


def _own_folder(path: Path) -> None:
    """Make the folder, or check that it is ours: anybody can write into /var/tmp."""
    path.mkdir(mode=0o755, exist_ok=True)
    information = path.lstat()
    if not stat.S_ISDIR(information.st_mode) or information.st_uid != os.geteuid() or information.st_mode & 0o022:
        raise RuntimeError(f"{path} is not a folder that only we may change; look at it and remove it")
    path.chmod(0o755)  # said again: mkdir heeds the umask, which is 077 in a service


def remove_forgotten(where: Path) -> None:
    """Remove replacements of temporary folders that are gone: whoever made them was killed. A served one stays."""
    for note in where.glob(f"shouwang-*/{STANDS_FOR}"):
        folder = note.parent
        try:
            wanted = Path(note.read_text())
            ours = folder.lstat().st_uid == os.geteuid()
        except OSError:  # another start was quicker
            continue
        passing = any(wanted.is_relative_to(one) for one in (Path(tempfile.gettempdir()), *PASSING))
        if ours and passing and not wanted.exists() and not processes_in(folder / "cluster"):
            shutil.rmtree(folder, ignore_errors=True)


def _can_enter(folder: Path, user: ServerUser) -> bool:
    if user.uid is None:
        return True
    # Ask the kernel, with all its access rules, instead of guessing from mode bits.
    return (
        subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder.resolve())], capture_output=True, cwd="/", **user.popen()
        ).returncode
        == 0
    )


def _runs(program: Path, user: ServerUser) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, cwd="/", **user.popen()).returncode == 0
    except PermissionError:
        return False


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
