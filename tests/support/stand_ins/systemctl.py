"""A stand-in for systemctl on a machine without systemd: runs the programs of unit files as systemd would.

It understands what our units, mosquitto's and nginx's use: drop-ins (also of a name's beginning), templates, users,
environment files, credentials, state folders, UMask, Type=notify (until READY=1), oneshot and forking. ``postgresql``
stands for Debian's clusters. It does not start a program again and does not confine it.
"""

import os
import pwd
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDERS = [Path("/etc/systemd/system"), Path("/lib/systemd/system")]
RUN = Path("/run/stand-in")
LISTS = {"Environment", "EnvironmentFile", "LoadCredential", "ExecStartPre", "ExecStart", "StateDirectory"}
READY_S = 120


def load(name: str) -> dict[str, list[str]]:
    """The settings of a unit and its drop-ins, by key; an empty value empties a list."""
    stem = name.removesuffix(".service")
    template, at, instance = stem.partition("@")
    base = f"{template}@" if at else stem
    files = [folder / f"{base}.service" for folder in FOLDERS if (folder / f"{base}.service").exists()][:1]
    if not files:
        sys.exit(f"Unit {name} could not be found.")
    parts = template.split("-")
    names = [f"{'-'.join(parts[:n])}-.service.d" for n in range(1, len(parts))] + [f"{base}.service.d"]
    for drop in names:
        files += sorted(file for folder in FOLDERS for file in (folder / drop).glob("*.conf"))
    found: dict[str, list[str]] = {}
    for file in files:
        text = re.sub(r"\\\n\s*", " ", file.read_text())
        for line in text.splitlines():
            key, equals, value = line.strip().partition("=")
            if not equals or key.startswith("#"):
                continue
            value = value.replace("%i", instance)
            if key in LISTS and value:
                found.setdefault(key, []).append(value)
            else:
                found[key] = [value] if value else []
    return found


def one(unit: dict[str, list[str]], key: str, default: str) -> str:
    return (unit.get(key) or [default])[-1]


def environment(unit: dict[str, list[str]], credentials: Path) -> dict[str, str]:
    found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    for line in unit.get("Environment", []):
        for part in shlex.split(line):
            key, _, value = part.partition("=")
            found[key] = value.replace("%d", str(credentials))
    for entry in unit.get("EnvironmentFile", []):
        file = Path(entry.removeprefix("-"))
        if not file.exists():
            if entry.startswith("-"):
                continue
            sys.exit(f"Failed to load environment files: {file}")
        for line in file.read_text().splitlines():
            if re.match(r"[A-Za-z_]\w*=", line):
                key, _, value = line.partition("=")
                found[key] = "".join(shlex.split(value))
    return found


def start(name: str) -> None:
    unit = load(name)
    RUN.mkdir(exist_ok=True)
    user = pwd.getpwnam(one(unit, "User", "root"))
    credentials = RUN / f"credentials-{name}"
    for entry in unit.get("LoadCredential", []):
        label, _, source = entry.partition(":")
        credentials.mkdir(mode=0o700, exist_ok=True)
        (credentials / label).write_bytes(Path(source).read_bytes())
        for path, mode in ((credentials / label, 0o400), (credentials, 0o500)):
            os.chown(path, user.pw_uid, user.pw_gid)
            path.chmod(mode)
    for entry in " ".join(unit.get("StateDirectory", [])).split():
        folder = Path("/var/lib") / entry
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(int(one(unit, "StateDirectoryMode", "0755"), 8))
        os.chown(folder, user.pw_uid, user.pw_gid)
    for command in unit.get("ExecStartPre", []):
        subprocess.run(shlex.split(command.lstrip("-+!@")), check=True)
    settings = environment(unit, credentials)
    (command,) = unit["ExecStart"]
    log = (RUN / f"{name}.log").open("ab")
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if one(unit, "Type", "simple") == "notify":
        place = RUN / f"{name}.notify"
        place.unlink(missing_ok=True)
        heard.bind(str(place))
        place.chmod(0o777)
        settings["NOTIFY_SOCKET"] = str(place)
    process = subprocess.Popen(
        shlex.split(command), env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        user=user.pw_uid, group=user.pw_gid, extra_groups=[],
        umask=int(one(unit, "UMask", "0022"), 8), cwd=one(unit, "WorkingDirectory", "/"),
        preexec_fn=lambda: limit_files(one(unit, "LimitNOFILE", "1024:524288")),  # systemd's own default
    )  # fmt: skip
    if one(unit, "Type", "simple") == "oneshot":
        if process.wait() != 0:
            sys.exit(f"{name} failed\n{tail(name)}")
        return
    if one(unit, "Type", "simple") == "forking":
        if process.wait(READY_S) != 0:
            sys.exit(f"{name} failed: {log.name}")
        process_id = int(Path(one(unit, "PIDFile", "")).read_text())
    else:
        process_id = process.pid
        if one(unit, "Type", "simple") == "notify":
            wait_until_ready(name, heard, process)
    (RUN / f"{name}.pid").write_text(str(process_id))


def limit_files(limit: str) -> None:
    """Limit the open files of this process, as far as this machine's own limit goes."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft, _, hard = limit.partition(":")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(int(soft), most), min(int(hard or soft), most)))


def want(name: str) -> None:
    """Link the unit into the target, as enabling does."""
    template, at, _ = name.partition("@")
    wanted = FOLDERS[0] / "multi-user.target.wants" / f"{name}.service"
    wanted.parent.mkdir(exist_ok=True)
    if not wanted.exists():
        wanted.symlink_to(FOLDERS[0] / f"{template}{at}.service")


def wait_until_ready(name: str, heard: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    heard.settimeout(1)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{name} ended before it was ready: status {process.returncode}\n{tail(name)}")
        try:
            if b"READY=1" in heard.recv(65536):
                return
        except TimeoutError:
            continue
    sys.exit(f"{name} did not say READY=1 within {READY_S} s\n{tail(name)}")


def tail(name: str) -> str:
    return (RUN / f"{name}.log").read_text(errors="replace")[-2000:]


def pid_of(name: str) -> int | None:
    file = RUN / f"{name}.pid"
    if not file.exists():
        return None
    number = int(file.read_text())
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
    return None if state == "Z" else number


def stop(name: str) -> None:
    number = pid_of(name)
    if number is not None:
        os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + 40
        while pid_of(name) is not None:
            if time.monotonic() > deadline:
                sys.exit(f"{name} does not stop")
            time.sleep(0.05)


def postgres(verb: str) -> None:
    clusters = subprocess.run(["pg_lsclusters", "-h"], capture_output=True, text=True, check=True).stdout
    version, cluster = clusters.split()[:2]
    running = "online" in clusters
    action = {"restart": "restart" if running else "start", "start": "start", "stop": "stop", "reload": "reload"}[verb]
    if not (action == "start" and running):
        subprocess.run(["pg_ctlcluster", version, cluster, action], check=True)


def main(verb: str, names: list[str]) -> None:
    if verb == "daemon-reload":
        return
    for name in names:
        short = name.removesuffix(".service")
        if short == "chrony" or short.endswith(".timer"):
            continue
        if short == "postgresql":
            postgres("start" if verb == "enable" else verb)
        elif verb in ("enable", "start"):
            if verb == "enable":
                want(short)
            if pid_of(short) is None:
                start(short)
        elif verb == "restart":
            stop(short)
            start(short)
        elif verb == "stop":
            stop(short)
        elif verb == "reload":
            os.kill(pid_of(short) or sys.exit(f"{short} does not run"), signal.SIGHUP)
        elif verb == "is-active":
            print("active" if pid_of(short) else "inactive")
        else:
            sys.exit(f"the stand-in knows no {verb}")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--now"]
    main(words[0], words[1:])
