"""A gateway as a process of a test, whose configuration and program may be updated, and the desk that talks to it."""

import io
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device_simulators.homes import demo_home
from edge_agent.updates.signed_config import write_public_key
from edge_agent.updates.signed_program import seal_program
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.gateways.bundle import make_archive
from shouwang.gateways.signing import sign_home
from shouwang.platform.homes import write_home
from tests.support.brokers import TestBroker
from tests.support.services import Service, wait_for

GATEWAY = "gw-op-1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Desk:
    """Sends commands as the console does, and collects replies, events and states."""

    def __init__(self, broker: TestBroker) -> None:
        self.replies: list[wire.Reply] = []
        self.events: dict[tuple[int, int], wire.Event] = {}
        self.states: list[str] = []
        self.software = ""
        self._clients = [
            self._listen(broker, "svc-console", ("replies", "status")),
            self._listen(broker, "svc-ingest", ("events",)),
        ]

    def _listen(self, broker: TestBroker, identity: str, leaves: tuple[wire.Leaf, ...]) -> mqtt.paho.Client:
        ready = threading.Event()
        settings = broker.settings(identity)
        client = mqtt.make_client(settings, f"desk-{identity}", clean=True)
        client.on_connect = lambda c, *_: c.subscribe([(wire.subscription(leaf), 1) for leaf in leaves])
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = self._collect
        mqtt.start(client, settings)
        assert ready.wait(15)
        return client

    def _collect(self, _client: object, _userdata: object, message: mqtt.paho.MQTTMessage) -> None:
        payload, leaf = bytes(message.payload), message.topic.rsplit("/", 1)[-1]
        if leaf == "replies":
            self.replies.append(wire.decode(wire.Reply, payload))
        elif leaf == "events":
            event = wire.decode(wire.Event, payload)
            self.events[event.epoch, event.seq] = event
        else:
            status = wire.decode(wire.Status, payload)
            self.software = status.software
            self.states.append(status.state)

    def ask(self, kind: str, args: dict[str, Any] | None = None, body: bytes = b"") -> str:
        name = str(uuid.uuid4())
        command = wire.Command(wire.VERSION, name, kind, time.time_ns() // 1000, args or {}, body)
        self._clients[0].publish(wire.topic(GATEWAY, "commands"), wire.encode(command), qos=1)
        return name

    def answer(self, name: str, log: Any) -> wire.Reply:
        wait_for(lambda: any(reply.id == name for reply in self.replies), 20, log)
        return next(reply for reply in self.replies if reply.id == name)

    def happened(self, kind: str) -> list[wire.Event]:
        return [event for _, event in sorted(self.events.items()) if event.kind == kind]

    def stop(self) -> None:
        for client in self._clients:
            mqtt.stop(client)


class Gateway:
    """A simulated home whose configuration may be updated."""

    def __init__(self, broker: TestBroker, folder: Path, presses: bool = True, name: str = GATEWAY) -> None:
        self._broker, self._folder, self._presses, self.name = broker, folder, presses, name
        self.file = folder / "home.toml"
        home = self.home(1)
        public = write_public_key(KEY.public_key())
        self.file.write_text(home + f'\n[updates]\npublic_keys = ["{public}"]\nonline_within_s = 12\n')
        self.agent = Service("edge_agent", broker.settings(name), folder)

    def home(self, sos_every_s: float, port: int | None = None) -> str:
        """The configuration's text; what differs between versions is the pace of the simulated presses."""
        scratch = self._folder / "scratch" / "home.toml"
        scenarios = [{"kind": "sos", "at_s": 1.0, "every_s": sos_every_s}] if self._presses else []
        options = {"seed": 2, "scenarios": scenarios}
        settings = self._broker.settings(self.name)
        settings = settings if port is None else msgspec.structs.replace(settings, port=port)
        write_home(scratch, self.name, settings, demo_home(2).devices, options)
        return scratch.read_text().replace(str(scratch.with_suffix(".db")), str(self.file.with_suffix(".db")))

    def signed(self, version: int, port: int | None = None) -> bytes:
        return sign_home(KEY, self.home(2.0, port), {}, version, time.time_ns() // 1000)

    def start(self) -> None:
        self.agent.start("--config", str(self.file))


@contextmanager
def running(broker: TestBroker, folder: Path, presses: bool = True) -> Iterator[tuple[Gateway, Desk]]:
    gateway, desk = Gateway(broker, folder, presses), Desk(broker)
    gateway.start()
    try:
        wait_for(lambda: desk.states[-1:] == ["online"], 30, gateway.agent.log)
        yield gateway, desk
    finally:
        gateway.agent.stop()
        desk.stop()


def changed_bundle(version: int, changed: Mapping[str, str] | None = None) -> bytes:
    """A bundle of this program, signed by KEY, with some files changed."""
    archive = make_archive("9.9", version)
    if changed:
        packed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(packed, "w") as new:
            for name in old.namelist():
                new.writestr(name, changed.get(name) or old.read(name))
        archive = packed.getvalue()
    return seal_program(archive, version, "9.9", 1, KEY.sign)
