"""The place of a drill: a whole platform whose lines can be cut, whose services come in pairs, and that restarts what
dies, as systemd would."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from database.server.postgres import PostgresServer
from device_simulators.homes import demo_home
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import free_port
from shouwang.drills.load import Homes
from shouwang.drills.receiver import CHANNELS, SmsReceiver
from shouwang.drills.standby import Standby
from shouwang.platform.platform import MODULES, Platform
from shouwang.verify.lines import Relay

LOOK_S = 0.2
PAIRS = ("alerting", "dispatch", "notify")
"""Services of which a second one runs where a drill asks for pairs: ``<name>-b``."""


class Place(Platform):
    """Use as a context manager: servers, services and homes run inside.

    ``load``: what the homes do. ``pairs``: alerting, dispatch and delivery run twice. ``standby``: a second database
    server confirms every commit.
    """

    def __init__(
        self,
        folder: Path,
        homes: int,
        *,
        pairs: bool = False,
        standby: bool = False,
        load: type[Homes] = Homes,
    ) -> None:
        super().__init__(folder, free_port())
        self._pairs = pairs
        self._demo_homes = [demo_home(number) for number in range(1, homes + 1)]
        self.receiver = SmsReceiver()
        self.database_line = Relay(lambda: self.postgres.port)
        self.broker_line = Relay(lambda: self.broker.port)
        self.home_line = Relay(lambda: self.broker.port)
        self.standby = Standby(self.data / "standby") if standby else None
        self.homes = load([home.gateway for home in self._demo_homes], self.data / "homes", self._home_broker)
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor")

    def __enter__(self) -> "Place":
        with contextlib.ExitStack() as stack:
            super().__enter__()
            stack.callback(self._discard, self.postgres)
            stack.callback(super().__exit__)
            if self.standby is not None:
                stack.callback(self.standby.stop)
                self.standby.follow(self.postgres)
            for part in (self.receiver, self.database_line, self.broker_line, self.home_line):
                stack.enter_context(part)
            stack.callback(self._stop_children)
            self._load()
            (self.data / "channels.toml").write_text(CHANNELS.format(url=self.receiver.url))
            self.start_services()
            for name in PAIRS if self._pairs else ():
                self._start_second(name)
            self._supervisor.start()
            stack.callback(self._end_supervision)
            stack.enter_context(self.homes)
            self._inside = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._inside.close()

    def _load(self) -> None:
        self.load_district(self._demo_homes)

    def service_settings(self) -> dict[str, str]:
        return super().service_settings() | {"SHOUWANG_NOTIFY_CHANNELS_FILE": str(self.data / "channels.toml")}

    def service_database_url(self, service: str) -> str:
        line = super().service_database_url(service).replace(f":{self.postgres.port}/", f":{self.database_line.port}/")
        return line if self.standby is None else self.standby.url_of_both(line)

    def service_broker(self, identity: str) -> Broker:
        return msgspec.structs.replace(super().service_broker(identity), port=self.broker_line.port)

    def signal_service(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a service's process."""
        pid = self.children[name].pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop_for(self, names: tuple[str, ...]) -> contextlib.AbstractContextManager[None]:
        """Have services stopped in good order inside, and started again afterwards."""
        return _Stopped(self, names)

    def _home_broker(self, gateway: str) -> Broker:
        return msgspec.structs.replace(self.broker.settings(gateway), port=self.home_line.port)

    def _start_second(self, name: str) -> None:
        prefix = f"SHOUWANG_{name.upper()}"
        own = {f"{prefix}_WORKER": f"{name}-1", f"{prefix}_DATA_DIR": str(self.data / f"{name}-b")}
        broker = self.service_broker("svc-alerting") if name == "alerting" else None
        url = {"SHOUWANG_DATABASE_URL": self.service_database_url(name)}
        environment: Mapping[str, str] = self.service_settings() | url | own
        self.start_child(f"{name}-b", ["-m", MODULES[name]], broker, environment)

    def _discard(self, primary: PostgresServer) -> None:
        """Remove the clusters, which may lie outside of the folder."""
        for server in (primary, *([self.standby.server] if self.standby else [])):
            server.discard()

    def _supervise(self) -> None:
        while not self._over.wait(LOOK_S):
            for child in list(self.children.values()):
                child.keep_alive(time.monotonic())

    def _end_supervision(self) -> None:
        self._over.set()
        self._supervisor.join(10)


class _Stopped:
    def __init__(self, place: Place, names: tuple[str, ...]) -> None:
        self._children = [place.children[name] for name in names if name in place.children]

    def __enter__(self) -> None:
        for child in self._children:
            child.stop()

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.start()
