"""The clocks of the platform's own hosts are wrong: times are right, no home is blamed, the host is named."""

import time
from pathlib import Path

import numpy as np
import psycopg
import pytest

from alerting.service.platform.watch import PlatformWatch
from database.clock import DatabaseClock
from database.settings import DatabaseSettings
from firmware_profiles import wire
from ingest.quarantine.quarantine import Quarantine, Room
from ingest.quarantine.refusals import Code, Refusal
from tests.integration.alerting.service.test_alerting_robust import counted
from tests.integration.alerting.service.test_alerting_service import GATEWAY, Desk
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.services import service, wait_for

pytestmark = pytest.mark.integration
CLOCK = """
import time
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + {seconds}
time.time_ns = lambda: real_ns() + {seconds} * 10**9
"""
HOUR_US = 3_600_000_000


def wrong_clock(folder: Path, seconds: int) -> dict[str, str]:
    """Settings of a process whose host's clock is off by so many seconds."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CLOCK.format(seconds=seconds))
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
@pytest.mark.parametrize("ahead_s", [8700, -8700])
def test_a_host_whose_clock_is_wrong_is_named_and_nobody_else(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path, ahead_s: int
) -> None:
    url = postgres.url
    add_homes(url, [GATEWAY])
    desk = Desk(broker)
    settings = {"SHOUWANG_DATABASE_URL": url, **wrong_clock(tmp_path / "clock", ahead_s)}
    with (
        service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting,
        service("ingest", broker.settings("svc-ingest"), tmp_path, **settings) as ingest,
    ):
        wait_for(lambda: "connected to the broker" in alerting.log(), 60, alerting.log)
        wait_for(
            lambda: "subscribed" in ingest.log(), 60, ingest.log
        )  # what comes before its first session is nobody's
        now_us = time.time_ns() // 1000
        series = wire.make_series("radar", "heart_rate", now_us, np.array([now_us]), np.array([72], np.float32))
        frame = wire.Frame(1, GATEWAY, 5, 6, "live", 1, now_us, [series])
        desk.gateway.publish(wire.topic(GATEWAY, "readings"), wire.encode(frame), qos=1).wait_for_publish(15)
        desk.report("sos_pressed", "sos-button")
        desk.report("smoke_detected", "radar", time_us=now_us + 3 * HOUR_US)  # of a home whose clock is wrong itself
        times = (
            "SELECT rule, abs(extract(epoch FROM raised_at - stored_at)) < 5, abs(extract(epoch FROM received_at -"
            " stored_at)) < 5 FROM alert WHERE rule IN ('sos', 'smoke') ORDER BY 1"
        )
        right = [("smoke", True, True), ("sos", True, True)]
        wait_for(lambda: counted(url, times) == right, 40, lambda: f"{counted(url, times)} {alerting.log()}")
        events = "SELECT kind, abs(extract(epoch FROM time - received_at)) < 5, told_us FROM event ORDER BY seq"
        marked = [("sos_pressed", True, None), ("smoke_detected", True, now_us + 3 * HOUR_US)]
        wait_for(lambda: counted(url, events) == marked, 40, lambda: f"{counted(url, events)} {ingest.log()}")
        wait_for(lambda: counted(url, "SELECT count(*) FROM reading") == [(1,)], 20, ingest.log)
        assert counted(url, "SELECT code FROM quarantine") == []
        hosts = (
            "SELECT split_part(subject, '/', 2), severity, reason_en FROM alert WHERE rule = 'host_clock' ORDER BY 1"
        )
        wait_for(lambda: [row[0] for row in counted(url, hosts)] == ["alerting-0", "ingest-0"], 40, alerting.log)
        way = "ahead of" if ahead_s > 0 else "behind"
        assert all(row[1] == "technical" and f"145 min {way}" in str(row[2]) for row in counted(url, hosts))
        blamed = f"SELECT count(*) FROM alert WHERE rule = 'clock_off' AND subject = 'gateway:{GATEWAY}'"
        assert counted(url, blamed) == [(0,)]
    desk.stop()
    # the host's clock is right again
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DELETE FROM service_fault WHERE service = 'ingest-0'")  # as ingest does
        PlatformWatch(DatabaseSettings(url=url), DatabaseClock(), "alerting-0").look(conn)
        states = conn.execute("SELECT DISTINCT state FROM alert WHERE rule = 'host_clock'").fetchall()
        assert states == [("cleared",)]


def test_what_is_refused_and_thrown_away_is_told_once_and_by_gateway_and_reason(database_url: str) -> None:
    add_homes(database_url, ["gw-1"])
    watch = PlatformWatch(DatabaseSettings(url=database_url), DatabaseClock(), "alerting-0")
    quarantine = Quarantine(Room(entries=2))

    def refuse(number: int, gateway: str, code: Code) -> Refusal:
        payload = f"{number}".encode()
        return Refusal(topic="t", gateway=gateway, code=code, reason="r", payload=payload, size=len(payload))

    told = "SELECT state, evidence ->> 'times', evidence ->> 'thrown_away', evidence ->> 'refusals' FROM alert"
    with psycopg.connect(database_url, autocommit=True) as conn:
        watch.look(conn)
        assert conn.execute(told).fetchall() == []
        with conn.transaction(), conn.cursor() as cursor:
            quarantine.store(cursor, [refuse(number, "gw-1", Code.TIME_AHEAD) for number in range(5)])
        for _ in range(3):
            watch.look(conn)
        ((state, times, lost, groups),) = conn.execute(told).fetchall()
        assert (state, times, lost) == ("raised", "5", "3")
        assert "gw-1 · time ahead: 5" in groups
        with conn.transaction(), conn.cursor() as cursor:
            quarantine.store(cursor, [refuse(9, "gw-2", Code.OVER_LIMIT)])
        for _ in range(3):
            watch.look(conn)
        notes = "SELECT note_en FROM alert_event WHERE action = 'note'"
        assert conn.execute(notes).fetchall() == [("gw-2 · over limit: 1",)]
        conn.execute("UPDATE quarantine SET last_at = now() - interval '2 hours'")
        watch.look(conn)
        assert [row[0] for row in conn.execute(told)] == ["cleared"]
