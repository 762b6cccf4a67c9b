"""Alerting on real brokers and databases: at once, once, and although the database is away."""

import threading
import time
from pathlib import Path

import psycopg
import pytest

from dispatch.core import notice
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.release import either_broker
from tests.support.services import service, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-alert-1"


class Desk:
    """A console that only listens, and a gateway that only reports events."""

    def __init__(self, broker: TestBroker) -> None:
        self.notices: list[tuple[float, notice.AlertNotice]] = []
        self._ready = threading.Event()
        self.console = mqtt.make_client(broker.settings("svc-console"), "desk", clean=True)
        self.console.on_connect = lambda client, *_: client.subscribe(notice.TOPIC, 1)
        self.console.on_subscribe = lambda *_: self._ready.set()
        self.console.on_message = lambda _c, _u, m: self.notices.append((time.time(), notice.decode(bytes(m.payload))))
        mqtt.start(self.console, broker.settings("svc-console"))
        self._connected = threading.Event()
        self.gateway = mqtt.make_client(broker.settings(GATEWAY), GATEWAY, clean=True)
        self.gateway.on_connect = lambda *_: self._connected.set()
        mqtt.start(self.gateway, broker.settings(GATEWAY))
        self.wait_for_the_line()
        self._seq = 0

    def forget_the_line(self) -> None:
        """The broker is away: what comes next is to wait for it anew."""
        self._ready.clear()
        self._connected.clear()

    def wait_for_the_line(self) -> None:
        """Both are connected: what is told to a console that is not there yet, it reads from the database."""
        assert self._ready.wait(15)
        assert self._connected.wait(15)

    def report(self, kind: str, device: str = "pendant", time_us: int | None = None) -> int:
        self._seq += 1
        at = time_us or time.time_ns() // 1000
        event = wire.Event(1, GATEWAY, 5, 6, self._seq, at, device, kind, {"confidence": 0.9})
        self.gateway.publish(wire.topic(GATEWAY, "events"), wire.encode(event), qos=1).wait_for_publish(15)
        return at

    def rules(self) -> list[tuple[str, str]]:
        return [(n.rule, n.severity) for _, n in self.notices]

    def stop(self) -> None:
        mqtt.stop(self.console)
        mqtt.stop(self.gateway)


def alerts(url: str) -> list[tuple[str, str, str]]:
    try:
        with psycopg.connect(url) as conn:
            return [
                (str(a), str(b), str(c))
                for a, b, c in conn.execute("SELECT id, rule, severity FROM alert ORDER BY onset")
            ]
    except psycopg.OperationalError:
        return []


def test_at_once_and_once_although_the_database_goes_and_alerting_dies(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    desk = Desk(broker)
    with service("alerting", broker.settings("svc-alerting"), tmp_path, SHOUWANG_DATABASE_URL=postgres.url) as alerting:
        # a fall: suspected, then confirmed: one alert that grows
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, lambda: alerting.log())
        at = desk.report("fall_suspected")
        wait_for(lambda: len(desk.notices) == 1, 30, lambda: alerting.log())
        assert desk.notices[0][0] - at / 1e6 < 1.0, "within a second"
        assert desk.notices[0][1].resident_zh == "王秀英"
        desk.report("fall_confirmed", time_us=at)
        wait_for(lambda: [s for _, _, s in alerts(postgres.url)] == ["emergency"], 30, lambda: alerting.log())
        assert desk.rules() == [("fall", "urgent"), ("fall", "emergency")]

        # the database away: the notice comes at once, the row later, with the same id
        postgres.stop()
        desk.report("sos_pressed", "sos-button")
        wait_for(lambda: ("sos", "emergency") in desk.rules(), 30, lambda: alerting.log())
        alerting.kill()  # and now alerting dies with the alert on its disk only
        desk.report("smoke_detected", "radar")  # while nobody listens
        alerting.start()  # with the database still away
        wait_for(lambda: ("smoke", "emergency") in desk.rules(), 40, lambda: alerting.log())
        postgres.start()
        wait_for(lambda: len(alerts(postgres.url)) == 3, 40, lambda: f"{alerts(postgres.url)} {alerting.log()}")
        told = {n.id for _, n in desk.notices}
        assert {i for i, _, _ in alerts(postgres.url)} == told

        # poison stops nothing
        desk.gateway.publish(wire.topic(GATEWAY, "events"), b"\xff\x00", qos=1).wait_for_publish(10)
        desk.report("gas_detected", "radar")
        wait_for(lambda: len(alerts(postgres.url)) == 4, 20, lambda: alerting.log())
    desk.stop()


@either_broker
def test_a_killed_engine_remembers_what_it_acknowledged(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    desk = Desk(broker)
    settings = {"SHOUWANG_DATABASE_URL": postgres.url, "SHOUWANG_ALERTING_SNAPSHOT_S": "1"}
    with service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting:
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, lambda: alerting.log())
        now = time.time_ns() // 1000
        desk.report("sos_pressed", "sos-button", time_us=now)
        wait_for(lambda: len(desk.notices) == 1, 30, lambda: alerting.log())
        for kill_after in (0.0, 1.5):  # before and after a snapshot holds it
            deadline = time.monotonic() + kill_after
            presses = 0
            while time.monotonic() < deadline:  # a message gives the engine its turn to write one
                presses += 1
                desk.report("sos_pressed", "sos-button", time_us=now + presses)
            alerting.kill()
            alerting.start()
            wait_for(lambda: "messages repeated since" in alerting.log(), 30, lambda: alerting.log())
            desk.report("sos_pressed", "sos-button", time_us=now + 60_000_000)  # the same episode, pressed again
            kind, rule = ("gas_detected", "gas") if kill_after else ("smoke_detected", "smoke")
            desk.report(kind, "radar", time_us=now + 1)
            wait_for(lambda r=rule: (r, "emergency") in desk.rules(), 40, lambda: alerting.log())
        told = {(n.rule, n.onset_us) for _, n in desk.notices}
        assert {onset for rule, onset in told if rule == "sos"} == {now}, alerting.log()
        wait_for(lambda: len(alerts(postgres.url)) == len({n.id for _, n in desk.notices}), 20, lambda: alerting.log())
    desk.stop()
