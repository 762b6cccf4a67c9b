"""The gateway's line under every fault there is: nothing lost, nothing twice in the database, events in order."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest

from device_simulators.homes import demo_home
from edge_agent.outbox.outbox import Outbox, read_totals
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import WINDOW, Uplink
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers.pki import Pki
from shouwang.platform.homes import write_home
from tests.support.brokers import TestBroker
from tests.support.collector import Collector, open_ingest_session
from tests.support.databases import TestPostgres
from tests.support.disks import SmallDisk
from tests.support.district import add_homes
from tests.support.lossy import lossy_network
from tests.support.proxies import MqttProxy, stall_and_hang_up
from tests.support.services import Service, service, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-line-1"
READINGS = 5
SECOND = 1_000_000


class Home:
    """An outbox and its uplink, and what a home puts into it."""

    def __init__(self, path: Path, broker: mqtt.Broker, clock: Clock, ack_timeout_s: float = 30.0) -> None:
        self.outbox = Outbox(path, GATEWAY, clock, 64 << 20)
        self.uplink = Uplink(
            broker, GATEWAY, self.outbox, clock, {}, SentMessages(path.with_suffix(".sent"), 2**22), ack_timeout_s
        )
        self.frames = self.events = self._latest_us = 0

    def put_frame(self, base_us: int) -> None:
        base_us = max(base_us, self._latest_us + 1000)  # no two readings of one time, however fast the loop
        self._latest_us = base_us + READINGS * 1000
        times = base_us + np.arange(READINGS, dtype=np.int64) * 1000
        values = np.full(READINGS, 60 + self.frames % 60, np.float32)
        self.outbox.put_frame(base_us, [wire.make_series("radar", "heart_rate", base_us, times, values)])
        self.frames += 1

    def put_event(self, time_us: int) -> None:
        self.outbox.put_event("sos-button", "sos_pressed", time_us, {"n": self.events}, b"")
        self.events += 1

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Pump until ``condition`` holds, as the agent does once in a while."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}; {self.outbox.totals()}"
            self.uplink.pump()
            await asyncio.sleep(0.02)

    async def send_all(self, seconds: float) -> None:
        await self.until(lambda: not self.outbox.totals().pending, seconds, "not everything was sent")

    async def close(self) -> None:
        await self.uplink.stop(0)
        self.outbox.close()


@contextmanager
def district(broker: TestBroker, postgres: TestPostgres, folder: Path) -> Iterator[Callable[[int, int], None]]:
    """Ingest at work; call what is yielded with (frames, events) to wait for them and look at what is stored."""
    add_homes(postgres.url, [GATEWAY])
    settings = {"SHOUWANG_DATABASE_URL": postgres.url}
    open_ingest_session(broker)
    collector = Collector(broker)
    with service("ingest", broker.settings("svc-ingest"), folder, **settings) as ingest:

        def check(frames: int, events: int) -> None:
            wanted = (frames * READINGS, events)
            wait_for(lambda: stored(postgres.url) >= wanted, 40, lambda: f"{stored(postgres.url)} {ingest.log()}")
            assert stored(postgres.url) == wanted
            with psycopg.connect(postgres.url) as conn:
                one = "SELECT count(*), count(DISTINCT (series_id, time)) FROM reading"
                assert conn.execute(one).fetchone() == (wanted[0], wanted[0])  # type: ignore[arg-type]
                order = """SELECT ("values"->>'n')::int FROM event ORDER BY id"""
                assert [row[0] for row in conn.execute(order)] == list(range(events))  # type: ignore[arg-type]
                assert conn.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
                gaps = conn.execute("SELECT count(*) FROM ingest_stream WHERE NOT isempty(gaps)").fetchone()
                assert gaps == (0,)
            assert not collector.clashes

        yield check
    collector.stop()


def stored(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM event)").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def test_the_broker_was_gone_for_an_hour(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    begin = time.time_ns() // 1000 - 3600 * SECOND
    away = 0  # how far the hour has come

    async def scenario() -> Home:
        nonlocal away
        clock = Clock(lambda: begin + away, lambda: away, lambda: True)
        home = Home(tmp_path / "buffer.db", broker.settings(GATEWAY), clock)
        home.uplink.start()
        home.put_frame(clock.now_us())
        await home.send_all(20)
        broker.stop()
        for second in range(1, 3600, 10):
            away = second * SECOND
            home.put_frame(clock.now_us())
            if second % 100 == 1:
                home.put_event(clock.now_us())
            home.uplink.pump()
        broker.start()
        away = 3600 * SECOND
        home.put_frame(clock.now_us())
        await home.send_all(40)
        await home.close()
        return home

    with district(broker, postgres, tmp_path) as check:
        home = asyncio.run(scenario())
        check(home.frames, home.events)
    with psycopg.connect(postgres.url) as conn:
        streams = dict(conn.execute("SELECT stream, high FROM ingest_stream").fetchall())
    assert streams["backfill"] > 300
    assert streams["live"] >= 2


@pytest.mark.parametrize("broker", ["mosquitto", "nats"], indirect=True)
@pytest.mark.parametrize("database_cluster", ["plain"], indirect=True)
def test_a_broker_that_acknowledges_nothing_is_left_and_called_again(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path, pki: Pki
) -> None:
    async def scenario(proxy: MqttProxy) -> Home:
        clock = Clock()
        home = Home(tmp_path / "buffer.db", proxy.settings, clock, ack_timeout_s=0.5)
        home.uplink.start()
        proxy.swallow_acknowledgements = True
        for _ in range(30):
            home.put_frame(clock.now_us())
            home.put_event(clock.now_us())
        await home.until(lambda: proxy.connections >= 3, 30, "the connection is kept")
        assert home.outbox.totals().pending == 60, "nothing was taken for sent"
        assert proxy.swallowed > 60, "each was sent again"
        proxy.swallow_acknowledgements = False
        await home.send_all(30)
        await home.close()
        return home

    with (
        district(broker, postgres, tmp_path) as check,
        MqttProxy(broker.settings(GATEWAY), pki) as proxy,
    ):
        home = asyncio.run(scenario(proxy))
        check(home.frames, home.events)


@pytest.mark.parametrize("broker", ["mosquitto", "nats"], indirect=True)
@pytest.mark.parametrize("database_cluster", ["plain"], indirect=True)
def test_a_line_that_stalls_and_breaks_at_random(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path, pki: Pki
) -> None:
    async def scenario(proxy: MqttProxy) -> Home:
        clock = Clock()
        home = Home(tmp_path / "buffer.db", proxy.settings, clock, ack_timeout_s=0.5)
        home.uplink.start()
        trouble = asyncio.create_task(stall_and_hang_up(proxy, random.Random(11), 8))
        while not trouble.done():
            home.put_frame(clock.now_us())
            home.put_event(clock.now_us())
            home.uplink.pump()
            await asyncio.sleep(0.02)
        await home.send_all(30)
        await home.close()
        return home

    with (
        district(broker, postgres, tmp_path) as check,
        MqttProxy(broker.settings(GATEWAY), pki) as proxy,
    ):
        home = asyncio.run(scenario(proxy))
        check(home.frames, home.events)
        assert proxy.connections > 1


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
@pytest.mark.parametrize("database_cluster", ["plain"], indirect=True)
def test_a_network_that_loses_three_packets_in_ten(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    async def scenario() -> Home:
        clock = Clock()
        home = Home(tmp_path / "buffer.db", settings, clock)
        home.uplink.start()
        for _ in range(60):
            home.put_frame(clock.now_us())
            if home.frames % 4 == 0:
                home.put_event(clock.now_us())
            home.uplink.pump()
            await asyncio.sleep(0.05)
        await home.send_all(90)
        await home.close()
        return home

    settings = broker.settings(GATEWAY)
    homes: list[Home] = []
    with district(broker, postgres, tmp_path) as check:
        try:
            with lossy_network(settings.port, 0.3, seed=3) as network:
                network.run_inside(lambda: homes.append(asyncio.run(scenario())))
                assert network.dropped / (network.dropped + network.passed) > 0.2
        except OSError as error:
            pytest.skip(f"no lossy network on this machine (root and /dev/net/tun are needed): {error}")
        check(homes[0].frames, homes[0].events)


def test_an_event_overtakes_the_backlog(broker: TestBroker, tmp_path: Path) -> None:
    collector = Collector(broker)

    async def scenario() -> int:
        clock = Clock()
        home = Home(tmp_path / "buffer.db", broker.settings(GATEWAY), clock)
        for second in range(1000):
            home.put_frame(clock.now_us() - (86_400 - second) * SECOND)
        home.uplink.start()
        await home.until(lambda: len(collector.order) > 50, 20, "the backlog is not sent")
        pending = home.outbox.totals().pending
        home.put_event(clock.now_us())
        home.put_frame(clock.now_us())
        await home.send_all(60)
        await home.close()
        return 1000 - pending

    sent = asyncio.run(scenario())
    wait_for(lambda: len(collector.order) == 1002, 20, lambda: f"{len(collector.order)} arrived")
    (event_at,) = [at for at, one in enumerate(collector.order) if isinstance(one, wire.Event)]
    (live_at,) = [at for at, one in enumerate(collector.order) if isinstance(one, wire.Frame) and one.stream == "live"]
    # behind what was in flight already, and what an acknowledgement on its way lets follow; not behind the rest
    assert sent <= 900, "the backlog was gone too soon to show anything"
    assert event_at <= sent + 4 * WINDOW["frames"]
    assert live_at <= sent + 6 * WINDOW["frames"]
    collector.stop()


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_an_event_reaches_the_district_although_the_disk_is_full(broker: TestBroker, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk", "6m")
    reason = disk.mount()
    if reason:
        pytest.skip(reason)
    collector = Collector(broker)
    file = tmp_path / "home.toml"
    options = {"seed": 2, "scenarios": [{"kind": "sos", "at_s": 0.2, "every_s": 0.3}]}
    write_home(file, GATEWAY, broker.settings(GATEWAY), demo_home(2).devices, options)
    buffer = disk.folder / "buffer.db"
    file.write_text(file.read_text().replace(str(file.with_suffix(".db")), str(buffer)))
    agent = Service("edge_agent", broker.settings(GATEWAY), tmp_path)

    def heard(kind: str) -> int:
        return list(collector.events.values()).count(kind)

    def wait_for_more(kind: str, count: int) -> None:
        wanted = heard(kind) + count
        wait_for(lambda: heard(kind) >= wanted, 30, lambda: f"{heard(kind)} {kind}; {agent.log()}")

    try:
        agent.start("--config", str(file))
        wait_for_more("sos_pressed", 2)
        assert buffer.exists()
        disk.fill()
        wait_for_more("buffer_unwritable", 1)
        wait_for_more("sos_pressed", 5)
        assert disk.free() == 0
        disk.empty()
        wait_for_more("buffer_writable", 1)
        agent.kill()
        disk.fill()
        agent.start("--config", str(file))  # it starts with a full disk too
        wait_for_more("sos_pressed", 3)
        disk.empty()
        wait_for_more("sos_pressed", 2)
        agent.stop()
        totals = read_totals(buffer)
        assert totals.pending == 0
        assert totals.lost_events == 0
        wait_for(lambda: len(collector.events) == totals.events, 20, lambda: f"{len(collector.events)} of {totals}")
        assert not collector.clashes
    finally:
        agent.stop()
        collector.stop()
        disk.unmount()
