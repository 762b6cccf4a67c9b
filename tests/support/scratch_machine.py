"""A scratch machine: this one's files under an overlay that is thrown away, a network and processes of its own.

What is written inside stays in a folder of the test; users, ports and servers of this machine are not touched. Needs
root and Linux's namespaces.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from database.server.guardian import start_guarded

SECONDS = 560
HOW = "a scratch machine needs root, unshare and overlayfs: run the tests as root on Linux"
STAND_INS = Path(__file__).parent / "stand_ins"
ENTER = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
mount -t tmpfs tmpfs "$1/root/run"
machine=$1 shared=$2
shift 2
for folder; do
    upper=$(mktemp -d "$machine/hidden.XXXX")
    mkdir -p "$upper/upper" "$upper/work" "$machine/root$folder"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$upper/upper,workdir=$upper/work" "$machine/root$folder"
done
mkdir -p "$machine/root$shared"
mount --bind "$shared" "$machine/root$shared"
ip link set lo up
touch "$shared/ready"
exec chroot "$machine/root" sleep infinity
"""
"""Arguments: the folder of the machine, the folder that is shared with it, and folders that it would not see."""


class ScratchMachine:
    """A running scratch machine; ``shared`` is the folder that both sides see under the same path."""

    def __init__(self, pid: int, shared: Path) -> None:
        self.shared = shared
        self._pid = pid

    def command(self, *words: str) -> list[str]:
        """The words that run a command inside."""
        return ["nsenter", "--target", str(self._pid), "--mount", "--net", "--pid", "--root", "--wd", *words]

    def run(self, script: str, environment: Mapping[str, str] | None = None, log: Path | None = None) -> str:
        """Run a script of bash inside; its output. Fails the test, with the output, where it does not end well.

        ``log``: the file to which the script itself sends its output.
        """
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            self.command("bash", "-euo", "pipefail", "-c", f"cd /root\n{script}"),
            stdin=subprocess.DEVNULL, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
            env={"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", **(environment or {})},
        )  # fmt: skip
        said = done.stdout + (log.read_text(errors="replace") if log is not None else "")
        assert done.returncode == 0, f"status {done.returncode}\n{said[-6000:]}"
        return done.stdout

    def stand_in(self, name: str, text: str) -> None:
        """Put a program before those of the machine."""
        file = self.shared / name
        file.write_text(text)
        self.run(f"install -m 0755 {file} /usr/local/sbin/{name}")


@contextmanager
def scratch_machine(folder: Path) -> Iterator[ScratchMachine | None]:
    """A scratch machine, ended with all its processes; None where this one can make none."""
    tools = ("unshare", "nsenter", "ip", "chroot")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)) or not _overlay():
        yield None
        return
    shared, mount = folder / "shared", folder / "machine"
    shared.mkdir()
    mount.mkdir()
    for above in (shared, *shared.parents):  # pytest's folders are closed to the services' users
        if above.stat().st_uid == 0 and above not in (Path("/"),):
            above.chmod(above.stat().st_mode | 0o011)
    log = (folder / "machine.log").open("wb")
    outer = start_guarded(  # ended, too, where this test is killed
        ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", ENTER, "enter",
         str(mount), str(shared), *filter(_hidden, dict.fromkeys((sys.base_prefix, sys.prefix)))],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not (shared / "ready").exists():
            assert outer.poll() is None, (folder / "machine.log").read_text()
            assert time.monotonic() < deadline, "the scratch machine does not come up"
            time.sleep(0.02)
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        yield ScratchMachine(int(children[0]), shared)
    finally:
        outer.send_signal(signal.SIGKILL)  # and with it, by --kill-child, the first process inside, and so all of them
        outer.wait(20)
        log.close()


def prepare(machine: ScratchMachine) -> None:
    """Give the machine the stand-ins for systemd, the package registries and the firewall, and its names."""
    here = machine.shared / "stand_ins"
    shutil.copytree(STAND_INS, here)
    python = "/usr/bin/python3"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    machine.stand_in("systemctl", f'#!/bin/sh\nexec {python} {here}/systemctl.py "$@"\n')
    machine.stand_in(
        "python3",
        f'#!/bin/sh\nif [ "$1 $2" = "-m venv" ]; then exec {os.path.realpath(sys.executable)} {here}/venv.py "$3"'
        f' {libraries}; fi\nexec {python} "$@"\n',
    )
    # the services' users read interpreter and libraries where these are in somebody's home
    for file in (os.path.realpath(sys.executable), libraries):
        machine.run("\n".join(f"chmod o+x '{folder}'" for folder in Path(file).parents))
    for name in ("apt-get", "ufw"):
        machine.stand_in(name, f'#!/bin/sh\necho "{name} $*" >> {machine.shared}/{name}.calls\n')


def _hidden(folder: str) -> bool:
    """Whether the overlay of ``/`` does not hold a folder: it lies on another file system, or under an empty one."""
    covered = any(Path(folder).is_relative_to(empty) for empty in ("/tmp", "/run"))  # noqa: S108 - as ENTER mounts
    return covered or Path(folder).stat().st_dev != Path("/").stat().st_dev


def _overlay() -> bool:
    return "overlay" in Path("/proc/filesystems").read_text()
