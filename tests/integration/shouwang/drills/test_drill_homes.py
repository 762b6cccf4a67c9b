"""The homes of a drill in a process of their own: frozen, with a full disk, and every word of theirs in the ledger."""

import contextlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.drills.apart import HomesApart
from shouwang.verify.fleet import DEVICE
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux")]
NAMES = ("gw-a", "gw-b", "gw-c")


class Ears:
    """The part of ingest: it hears events and numbered readings."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.readings: dict[str, list[int]] = {name: [] for name in NAMES}

    def hear(self, topic: str, payload: bytes) -> None:
        gateway, leaf = topic.split("/")[-2:]
        if leaf == "events":
            self.events.append((gateway, wire.decode(wire.Event, payload).time_us))
            return
        frame = wire.decode(wire.Frame, payload)
        for series in frame.series:
            if series.device == DEVICE:
                self.readings[gateway] += (frame.base_us + series.offsets_ms().astype(np.int64) * 1000).tolist()


@contextlib.contextmanager
def heard(broker: EmbeddedBroker) -> Iterator[Ears]:
    ears, ready = Ears(), threading.Event()
    client = mqtt.make_client(broker.settings("svc-ingest"), "ingest", clean=True)
    client.on_connect = lambda c, *_: c.subscribe([(wire.subscription(leaf), 1) for leaf in ("readings", "events")])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, m: ears.hear(m.topic, m.payload)
    mqtt.start(client, broker.settings("svc-ingest"))
    assert ready.wait(20)
    yield ears
    mqtt.stop(client)


def test_a_frozen_process_and_a_full_disk_lose_nothing_that_the_ledger_has(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker", Pki(tmp_path / "pki")) as broker, heard(broker) as ears:
        broker.allow_gateways(NAMES)
        homes = HomesApart(NAMES, tmp_path / "homes", broker.settings)
        homes.press_s = 0.5
        with homes:
            wait_for(lambda: len(homes.presses) == 1, 30, lambda: (tmp_path / "homes" / "homes.log").read_text())
            os.kill(homes.pid, signal.SIGSTOP)
            os.kill(homes.pid, signal.SIGCONT)
            _, hard = resource.prlimit(homes.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(homes.pid, resource.RLIMIT_FSIZE, (0, hard))
            wait_for(lambda: homes.left == 0, 30, lambda: "they press no more")
            wait_for(lambda: len(ears.events) == 3, 30, lambda: str(ears.events))
            resource.prlimit(homes.pid, resource.RLIMIT_FSIZE, (hard, hard))
            homes.hush()
            wait_for(lambda: homes.pending == 0, 30, lambda: f"{homes.pending} wait")
        assert sorted(ears.events) == sorted((press.gateway, press.time_us) for press in homes.presses)
        for ledger in homes.ledgers:
            times, values = ledger.readings()
            assert sorted(ears.readings[ledger.name]) == times.tolist()
            assert values.tolist() == list(range(len(values)))
            assert len(values) > 0
