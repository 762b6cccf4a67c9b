"""Alerting on real servers: two side by side, the broker away, poison, parameters that change while it runs."""

import datetime as dt
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psycopg
import pytest

from alerting.service.broker_watch import RULE
from alerting.tuning import sheet
from care_network.records.provisioning import add_account
from care_network.records.records import NewAccount
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from tests.integration.alerting.service.test_alerting_service import GATEWAY, Desk
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.disks import SmallDisk
from tests.support.district import add_homes
from tests.support.network import account
from tests.support.services import Service, service, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("broker", ["nats"], indirect=True),
]
QUICK = {"SHOUWANG_ALERTING_BROKER_AWAY_S": "1", "SHOUWANG_ALERTING_REGISTRY_REFRESH_S": "1"}


def alerting(stack: ExitStack, broker: TestBroker, folder: Path, url: str, worker: str, **more: str) -> Service:
    settings = {**QUICK, "SHOUWANG_DATABASE_URL": url, "SHOUWANG_ALERTING_WORKER": worker, **more}
    (folder / worker).mkdir()
    found = stack.enter_context(service("alerting", broker.settings("svc-alerting"), folder / worker, **settings))
    wait_for(lambda: "connected to the broker" in found.log(), 40, found.log)
    return found


def counted(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


def test_two_side_by_side_give_each_alert_once_and_tell_that_the_broker_is_away(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    desk = Desk(broker)
    with ExitStack() as stack:
        both = [alerting(stack, broker, tmp_path, postgres.url, f"alerting-{n}") for n in range(2)]
        at = desk.report("fall_suspected")
        desk.report("sos_pressed", "sos-button")
        desk.report("fall_confirmed", time_us=at)
        wait_for(lambda: len(desk.notices) >= 6, 20, both[0].log)  # each tells; the console knows them by their ids
        assert len({notice.id for _, notice in desk.notices}) == 2
        raised = (
            "SELECT a.rule, a.severity, count(*) FROM alert a JOIN alert_event e ON e.alert_id = a.id {} GROUP BY 1, 2"
        )
        once = [("fall", "emergency", 1), ("sos", "emergency", 1)]
        wait_for(lambda: sorted(counted(postgres.url, raised.format("AND action = 'raise'"))) == once, 20, both[1].log)
        assert counted(postgres.url, raised.format("AND action = 'escalate'")) == [("fall", "emergency", 1)]

        broker.stop()
        link = f"SELECT state, severity FROM alert WHERE rule = '{RULE}'"
        wait_for(lambda: counted(postgres.url, link) == [("raised", "technical")], 30, both[0].log)
        assert counted(postgres.url, "SELECT count(*) FROM household WHERE code = 'PLATFORM'") == [(1,)]
        desk.forget_the_line()
        broker.start()
        wait_for(lambda: {state for state, _ in counted(postgres.url, link)} == {"cleared"}, 40, both[0].log)
        desk.wait_for_the_line()
        desk.report("smoke_detected", "radar")
        wait_for(lambda: ("smoke", "emergency") in desk.rules(), 20, both[0].log)
        # what the other has in hand must not come again either
        wait_for(lambda: sum(rule == "smoke" for rule, _ in desk.rules()) == 2, 20, both[1].log)
        assert counted(postgres.url, "SELECT count(*) FROM alert WHERE rule = 'gateway_silent'") == [(0,)]
    desk.stop()


def test_poison_stops_nothing(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    add_homes(postgres.url, [GATEWAY])
    desk = Desk(broker)
    rng = np.random.default_rng(5)
    good = {
        "events": wire.encode(wire.Event(1, GATEWAY, 5, 6, 1, 1, "pendant", "fall_suspected", {"confidence": 0.9})),
        "readings": wire.encode(frame(GATEWAY, 72, 5)),
        "status": wire.encode(wire.Status(version=1, gateway=GATEWAY, state="online", time_us=1, epoch=1, boot=1)),
    }
    with ExitStack() as stack:
        only = alerting(stack, broker, tmp_path, postgres.url, "alerting-0")
        for number in range(400):
            leaf = ("events", "readings", "status")[number % 3]
            data = bytearray(good[leaf])
            for _ in range(rng.integers(1, 6)):
                data[rng.integers(len(data))] = rng.integers(256)
            cut = bytes(data[: rng.integers(len(data) + 1)] if number % 4 == 0 else data)
            desk.gateway.publish(wire.topic(GATEWAY, leaf), cut, qos=1)
        for at_us in (1, 2**62, 2**63 - 1):  # of a gateway that does not know the time
            desk.report("smoke_detected", "radar", time_us=at_us)
        desk.report("sos_pressed", "sos-button")
        wait_for(lambda: ("sos", "emergency") in desk.rules(), 20, only.log)
        stored = "SELECT rule, onset > now() - interval '9 min' FROM alert WHERE rule IN ('smoke', 'sos') ORDER BY 1"
        wait_for(lambda: counted(postgres.url, stored) == [("smoke", True), ("sos", True)], 20, only.log)
        desk.gateway.publish(wire.topic(GATEWAY, "readings"), good["readings"], qos=1).wait_for_publish(10)
        desk.report("gas_detected", "radar")
        wait_for(lambda: ("gas", "emergency") in desk.rules(), 20, only.log)
        assert "a detector failed" not in only.log()
    desk.stop()


def test_a_full_disk_holds_no_alert_back(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk", "8m")
    reason = disk.mount()
    if reason:
        pytest.skip(reason)
    add_homes(postgres.url, [GATEWAY])
    desk = Desk(broker)
    rules = "SELECT rule FROM alert ORDER BY raised_at"
    folder = {"SHOUWANG_ALERTING_DATA_DIR": str(disk.folder / "alerting"), "SHOUWANG_ALERTING_SNAPSHOT_S": "1"}
    try:
        with ExitStack() as stack:
            only = alerting(stack, broker, tmp_path, postgres.url, "alerting-0", **folder)
            disk.fill()
            for kind, device, rule in (("sos_pressed", "sos-button", "sos"), ("gas_detected", "radar", "gas")):
                desk.report(kind, device)
                wait_for(lambda rule=rule: rule in dict(desk.rules()), 20, only.log)  # type: ignore[misc]
            wait_for(lambda: counted(postgres.url, rules) == [("sos",), ("gas",)], 20, only.log)
            assert "the journal's disk takes nothing" in only.log()
            only.stop()
            only.start()  # on the full disk
            desk.report("smoke_detected", "radar")
            wait_for(lambda: counted(postgres.url, rules)[2:] == [("smoke",)], 30, only.log)
            disk.empty()
            desk.report("water_leak", "radar")
            wait_for(lambda: counted(postgres.url, rules)[3:] == [("water_leak",)], 20, only.log)
            wait_for(lambda: "the journal is written again" in only.log(), 20, only.log)
    finally:
        desk.stop()
        disk.unmount()


def test_a_limit_counts_without_a_restart(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    other = "gw-alert-2"
    add_homes(postgres.url, [GATEWAY, other])
    with psycopg.connect(postgres.url) as conn:
        add_account(
            conn,
            NewAccount(
                login="carer",
                password="three words together",
                name_zh="周敏",
                name_en="Zhou Min",
                role="carer",
                area="d",
            ),
        )
    desk = Desk(broker)
    broker.allow([other])
    with ExitStack() as stack:
        only = alerting(stack, broker, tmp_path, postgres.url, "alerting-0")
        with psycopg.connect(postgres.url) as conn:
            where = ("resident", "R0001", "limit.heart_rate.high", 105.0)
            sheet.change(conn, account(conn, "carer"), *where, "β-blocker", dt.datetime.now(dt.UTC), "test")
        kept = tmp_path / "alerting-0" / "alerting" / "registry.bin"
        wait_for(lambda: b"limit.heart_rate.high" in kept.read_bytes(), 20, only.log)
        for gateway in (other, GATEWAY):
            client = mqtt.make_client(broker.settings(gateway), f"{gateway}-frames", clean=True)
            mqtt.start(client, broker.settings(gateway))
            payload = wire.encode(frame(gateway, 112, 150))
            wait_for(client.is_connected, 30, lambda: "no connection")
            client.publish(wire.topic(gateway, "readings"), payload, qos=1).wait_for_publish(15)
            mqtt.stop(client)
        wait_for(lambda: any(rule == "limit_heart_rate" for rule, _ in desk.rules()), 30, only.log)
        told = [notice for _, notice in desk.notices if notice.rule == "limit_heart_rate"]
        assert [(notice.resident_code, notice.evidence["limit"]) for notice in told] == [("R0001", 105)]
    desk.stop()


def frame(gateway: str, heart_rate: float, seconds: int) -> wire.Frame:
    """One reading a second up to now."""
    now_us = time.time_ns() // 1000
    times = now_us - np.arange(seconds, 0, -1, dtype=np.int64) * 1_000_000
    series = wire.make_series("radar", "heart_rate", int(times[0]), times, np.full(seconds, heart_rate, np.float32))
    return wire.Frame(1, gateway, 7, 8, "live", 1, int(times[0]), [series])
