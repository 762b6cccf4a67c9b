"""The edge agent as a process: ``kill -9`` at seeded moments loses nothing and gives no number two meanings."""

import random
import sqlite3
import time
from pathlib import Path

import pytest

from device_simulators.homes import demo_home
from edge_agent.outbox.outbox import read_totals
from firmware_profiles.link import mqtt
from shouwang.platform.homes import write_home
from tests.support.brokers import TestBroker
from tests.support.collector import Collector
from tests.support.services import Service, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-edge-1"


def events(file: Path) -> int:
    try:
        return read_totals(file.with_suffix(".db")).events
    except sqlite3.OperationalError:
        return 0


def test_killed_at_any_moment_it_loses_and_repeats_nothing(broker: TestBroker, tmp_path: Path) -> None:
    rng = random.Random(5)
    district = Collector(broker)
    home = demo_home(2)
    options = {"seed": 2, "scenarios": [{"kind": "sos", "at_s": 0.5, "every_s": 1.0}]}
    file = tmp_path / "home.toml"
    write_home(file, GATEWAY, broker.settings(GATEWAY), home.devices, options)
    agent = Service("edge_agent", broker.settings(GATEWAY), tmp_path)
    for _ in range(5):
        agent.start("--config", str(file))
        time.sleep(1.5 + 2 * rng.random())  # the moment of death is the point
        agent.kill()
    broker.stop()  # the line is cut
    agent.start("--config", str(file))
    before = events(file)  # none yet where it was killed so early that there is no buffer
    wait_for(lambda: events(file) > before + 1, 30, agent.log)
    broker.start()
    # not until the file is empty: what is acknowledged leaves it with the next message, of which there is one a second
    wait_for(lambda: len(district.events) >= events(file), 60, agent.log)
    agent.stop()
    totals = read_totals(file.with_suffix(".db"))
    assert totals.pending == 0
    wait_for(
        lambda: len(district.events) >= totals.events and len(district.frames) >= totals.frames,
        30,
        lambda: f"{len(district.events)} of {totals.events} events, {len(district.frames)} of {totals.frames} frames",
    )
    assert not district.clashes
    assert district.readings() == totals.readings
    assert len(district.events) == totals.events
    numbers: dict[tuple[int, str], list[int]] = {}
    for epoch, seq in district.events:
        numbers.setdefault((epoch, "events"), []).append(seq)
    for epoch, stream, seq in district.frames:
        numbers.setdefault((epoch, stream), []).append(seq)
    for key, found in numbers.items():  # each kill begins an epoch
        assert sorted(found) == list(range(1, len(found) + 1)), key
    assert {"online", "offline"} <= set(district.states)
    district.stop()


def test_a_bad_configuration_is_told(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text('gateway = "GW 1"\n')
    agent = Service("edge_agent", mqtt.Broker(), tmp_path)
    agent.start("--config", str(file), "--check")
    wait_for(lambda: "gateway" in agent.log(), 20, agent.log)
    assert str(file) in agent.log()
    agent.stop()
