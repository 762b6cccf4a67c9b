"""Commands over both brokers: forged, recorded, altered or another gateway's, they are refused and told."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge_agent.command_guard import CommandGuard
from edge_agent.config import CommandsConfig
from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.signed_command import CommandSigner
from shouwang.gateways.commands import ask
from shouwang.gateways.signing import make_key
from tests.support.brokers import TestBroker

pytestmark = pytest.mark.integration


class Place:
    """A gateway with the console's key, and whoever holds the broker."""

    def __init__(self, broker: TestBroker, folder: Path) -> None:
        self.broker, self.folder = broker, folder
        self.key = folder / "command-console.key"
        self.public = make_key(self.key)
        self.replies: queue.Queue[wire.Reply] = queue.Queue()
        self.statuses: queue.Queue[wire.Status] = queue.Queue()
        self.reports: list[str] = []
        settings = broker.settings("svc-console")
        self.thief = mqtt.make_client(settings, "thief", clean=True)
        ready = threading.Event()
        filters = [(wire.subscription("replies"), 1), (wire.subscription("status"), 1)]
        self.thief.on_connect = lambda c, *_: c.subscribe(filters)
        self.thief.on_subscribe = lambda *_: ready.set()
        self.thief.on_message = self._hear
        mqtt.start(self.thief, settings)
        assert ready.wait(20)

    def _hear(self, _client: object, _userdata: object, message: mqtt.paho.MQTTMessage) -> None:
        if message.topic.endswith("/replies"):
            self.replies.put(wire.decode(wire.Reply, bytes(message.payload)))
        else:
            self.statuses.put(wire.decode(wire.Status, bytes(message.payload)))

    def run(self, during: Callable[[], None], name: str = "gw-a") -> list[str]:
        """Run the gateway while ``during`` runs in a thread; gives the ids of the commands that it carried out."""
        return asyncio.run(self._run(during, name))

    async def _run(self, during: Callable[[], None], name: str) -> list[str]:
        clock, done = Clock(), []
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        outbox = Outbox(folder / "buffer.db", name, clock, 10 * 2**20)
        config = CommandsConfig(console=[self.public])
        guard = CommandGuard(config, name, folder / "commands.json", clock.now_us, self.reports.append)
        uplink = Uplink(
            self.broker.settings(name), name, outbox, clock,
            {"ping": lambda command: done.append(command.id) or "pong"}, SentMessages(folder / "sent", 2**21),
            guard=guard,
        )  # fmt: skip
        uplink.start()
        try:
            async with asyncio.timeout(60):
                while not uplink.online:  # noqa: ASYNC110 - paho sets it from its own thread
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(during)
        finally:
            await uplink.stop(0)
            outbox.close()
        return done

    def send(self, payload: bytes, name: str = "gw-a") -> wire.Reply:
        self.thief.publish(wire.topic(name, "commands"), payload, qos=1)
        return self.replies.get(timeout=20)


def test_whoever_holds_the_broker_can_not_command_a_home(broker: TestBroker, tmp_path: Path) -> None:
    place = Place(broker, tmp_path)
    signer = CommandSigner(place.key)
    true = msgspec.structs.replace(broker.settings("svc-console"), command_key=place.key)
    recorded: list[bytes] = []

    def attack() -> None:
        assert ask(true, "gw-a", "ping", {}, b"", 20).text == "pong"
        place.replies.get(timeout=20)
        command = wire.Command(wire.VERSION, "honest", "ping", time.time_ns() // 1000)
        recorded.append(signer.message("gw-a", command))
        assert place.send(recorded[0]).ok
        altered = wire.decode(wire.Command, recorded[0])
        for payload in (
            wire.encode(msgspec.structs.replace(command, id="forged")),
            wire.encode(msgspec.structs.replace(altered, id="altered")),
            signer.message("gw-b", msgspec.structs.replace(command, id="another gateway's")),
        ):
            reply = place.send(payload)
            assert not reply.ok, reply
            assert "refused" in reply.detail

    assert len(place.run(attack)) == 2
    assert place.reports == ["ping refused: unsigned"]

    def replay() -> None:
        assert not place.send(recorded[0]).ok
        assert ask(true, "gw-a", "ping", {}, b"", 20).ok

    try:
        assert len(place.run(replay)) == 1, "after a restart"
        told = []
        while not place.statuses.empty():
            told.append(place.statuses.get())
        assert {status.signed_commands for status in told} == {1}
        assert max(status.refused_commands for status in told) == 3
    finally:
        mqtt.stop(place.thief)
