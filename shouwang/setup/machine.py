"""Look at the machine, and make the users that it lacks."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import shouwang
from shouwang.setup.plan import Machine


def templates() -> Path:
    """Find the folder ``deploy/`` of this installation. Raises LookupError with what to do."""
    beside = (Path(shouwang.__file__).parents[1] / "deploy", Path(sys.prefix).parent / "deploy")
    for folder in beside:
        if (folder / "systemd").is_dir():
            return folder
    raise LookupError(f"the folder deploy/ is not at {' or '.join(map(str, beside))}: name it with --templates")


def look(root: Path, folder: Path) -> Machine:
    """Look at what is installed below ``root``."""
    # the newest version; of several clusters Debian's own, for another one may be the feed for the city
    clusters = sorted(
        (root / "etc/postgresql").glob("*/*/conf.d"), key=lambda path: (-int(path.parts[-3]), path.parts[-2] != "main")
    )
    names = tuple("/" + str(path.parent.relative_to(root)) for path in clusters[:1])
    return Machine(
        root, folder, nats_version=_nats_version(), clusters=names, archives_wal=_program("pgbackrest") is not None
    )


def make_users(users: Iterable[str]) -> list[str]:
    """Make the system users that are not there yet, without a home and a shell; returns those made.

    Raises RuntimeError with the words of ``useradd``.
    """
    made = []
    for user in users:
        if subprocess.run(["getent", "passwd", user], capture_output=True).returncode == 0:
            continue
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        done = subprocess.run([*command, "--shell", "/usr/sbin/nologin", user], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"useradd {user}: {done.stderr.strip()}")
        made.append(user)
    return made


def _nats_version() -> tuple[int, ...]:
    program = _program("nats-server")
    if program is None:
        return ()
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout + done.stderr)
    return tuple(map(int, found.groups())) if found else ()


def _program(name: str) -> str | None:
    return shutil.which(name, path="/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin")
