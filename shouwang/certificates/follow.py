"""Keep a broker's lists of identities as the registry has them: written on change, read by the broker at SIGHUP."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from care_network.records import certificates
from care_network.records.registry import gateway_names
from database.pool import connect_options
from database.settings import DatabaseSettings
from observability.liveness import Part, unwatched
from shouwang.brokers.config import mosquitto_acl
from shouwang.brokers.users import users_file

log = structlog.get_logger(__name__)

LOOK_S = 15.0
"""The longest time from a change to the broker, should its notification be lost."""
RETRY_S = 5.0
FIRST_BOUND_S, BOUND_S = 60.0, 3600.0

Contents = Callable[[psycopg.Connection[Any]], Mapping[Path, str]]


def nats_files(users: Path) -> Contents:
    """users.conf of NATS. A user who is gone from it is disconnected at the reload, and cannot come back."""
    return lambda conn: {users: users_file(gateway_names(conn) - certificates.revoked(conn))}


def mosquitto_files(acl: Path, crl: Path) -> Contents:
    """The access list of mosquitto, which takes every right from revoked identities at once, and the revocation lists,
    which keep them out. Lists of authorities that the database does not know (``ca.key`` lies in a safe) stay."""

    def contents(conn: psycopg.Connection[Any]) -> Mapping[Path, str]:
        lists = _lists_in(crl) | certificates.lists(conn)
        return {acl: mosquitto_acl(certificates.revoked(conn)), crl: "".join(lists[name] for name in sorted(lists))}

    return contents


@dataclass(frozen=True)
class Store:
    """Where the broker beside us keeps waiting messages, a file or a folder, and how many bytes it may have."""

    path: Path
    bound: int

    def bytes(self) -> int:
        """The bytes that it has now; files that vanish meanwhile are not counted."""
        files = [self.path] if self.path.is_file() else self.path.rglob("*")
        total = 0
        for file in files:
            with contextlib.suppress(OSError):
                total += file.stat().st_size if file.is_file() else 0
        return total


def keep_bound(bound: Callable[[], object], stop: threading.Event, part: Part) -> None:
    """Set the bound of NATS's stream now and again until ``stop``: a stream that was made anew has none."""
    pause = FIRST_BOUND_S
    while True:
        fault = ""
        try:
            if bound() is False:
                fault = "the broker does not let us in"
        except (OSError, ValueError, RuntimeError) as error:  # files that are being renewed, a line that breaks
            fault = str(error)
        if fault:
            log.warning("what waits in the broker has no bound yet", error=fault)
            part.held_up(f"what waits in the broker has no bound yet: {fault}")
            pause = FIRST_BOUND_S
        else:
            part.turned()
        if stop.wait(pause):
            return
        pause = BOUND_S


def follow(
    url: str,
    contents: Contents,
    reload: Callable[[], None],
    stop: threading.Event,
    store: Store | None = None,
    part: Part | None = None,
) -> None:
    """Keep the files, and tell how full the store is, until ``stop``. While the database is away the files stay."""
    part = part or unwatched("lists")
    owed = True  # a change that the broker was not told of yet; at the start it may be older than its files
    options = connect_options(DatabaseSettings(url=url), "lists")
    while not stop.is_set():
        try:
            with psycopg.connect(url, autocommit=True, **options) as conn:
                conn.execute(f"LISTEN {certificates.CHANGED}")
                while not stop.is_set():
                    owed = write_changed(contents(conn)) or owed
                    if owed:
                        reload()
                        owed = False
                    if store is not None:
                        _tell(conn, store)
                    _wait(conn, stop, part)
        except (psycopg.Error, OSError, ValueError) as error:
            log.warning("the broker's lists stay as they are", error=str(error).strip())
            part.held_up(f"the lists stay as they are: {error}")
            stop.wait(RETRY_S)


def write_changed(contents: Mapping[Path, str]) -> bool:
    """Write the files whose content is another, each as a whole, with the owner and mode that it has."""
    changed = False
    for file, text in contents.items():
        if file.exists() and file.read_text() == text:
            continue
        changed = True
        beside = file.with_name(f"{file.name}.new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        if file.exists():
            before = file.stat()
            beside.chmod(before.st_mode & 0o777)
            with contextlib.suppress(PermissionError):
                os.chown(beside, before.st_uid, before.st_gid)
        beside.replace(file)
        log.info("the broker's list is new", file=str(file))
    return changed


def by_pid_file(file: Path) -> Callable[[], None]:
    """Send SIGHUP to the process that the file names. Raises OSError or ValueError where there is none."""

    def reload() -> None:
        os.kill(int(file.read_text()), signal.SIGHUP)

    return reload


def _tell(conn: psycopg.Connection[Any], store: Store) -> None:
    conn.execute(
        "INSERT INTO broker_store (broker, bytes, bound, seen_at) VALUES (%s, %s, %s, now()) ON CONFLICT (broker)"
        " DO UPDATE SET bytes = EXCLUDED.bytes, bound = EXCLUDED.bound, seen_at = EXCLUDED.seen_at",
        (socket.gethostname(), store.bytes(), store.bound),
    )


def _wait(conn: psycopg.Connection[Any], stop: threading.Event, part: Part) -> None:
    """Wait for a notification, a stop, or LOOK_S."""
    waited = 0.0
    while waited < LOOK_S and not stop.is_set():
        part.turned()
        if list(conn.notifies(timeout=0.5, stop_after=1)):
            return
        waited += 0.5


def _lists_in(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    end = b"-----END X509 CRL-----"
    parts = [part + end for part in file.read_bytes().split(end)[:-1]]
    lists = [x509.load_pem_x509_crl(part) for part in parts]
    return {
        str(one.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value): one.public_bytes(
            serialization.Encoding.PEM
        ).decode()
        for one in lists
    }
