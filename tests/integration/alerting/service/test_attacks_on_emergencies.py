"""Emergencies whose text, values, signal or size are an attack: each has its row, and its ladder climbs."""

import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from dispatch.escalation.sweeper import Sweeper
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from tests.integration.alerting.service.test_first_call import Home
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.ladders import build_duty, told
from tests.support.services import service, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("broker", ["nats"], indirect=True),
]
DEVICES = ("sos-button", "smoke-1", "gas-1", "pendant", "radar", "old", "leak")


def attacks(now_us: int) -> dict[str, bytes]:
    """By the rule and device of the alert that has to come."""

    def event(number: int, device: str, kind: str, **changed: Any) -> bytes:
        head = {"version": 1, "gateway": "gw-1", "epoch": 5, "boot": 6, "seq": number, "time_us": now_us + number}
        return msgspec.msgpack.encode({**head, "device": device, "kind": kind, **changed})

    odd_signal = msgspec.msgpack.encode((0, 50.0, b"\0" * 7))
    return {
        "sos sos-button": event(1, "sos-button", "sos_pressed", values={"reason": "a\0b\x1b[2J"}),
        "smoke smoke-1": event(2, "smoke-1", "smoke_detected", values={"note": "a\0b", "n\0": 1}),
        "gas gas-1": event(3, "gas-1\0", "gas_detected"),
        "fall pendant": event(4, "pendant", "fall_confirmed", evidence=odd_signal, values={"peak_g": "\0"}),
        "smoke old": event(5, "old", "smoke_detected", values={"note": "x" * 300_000}, evidence=b"\0" * 300_000),
        "gas radar": event(0, "radar", "gas_detected", values={"value": [1], "reason": {"a": "\0"}}),
        "smoke unreadable": event(7, "\0\x01", "smoke_detected"),
        "water_leak leak": event(8, "leak", "water_leak", values={"value": float("nan"), "reason": float("inf")}),
        "sos unknown": event(9, "\0unknown", "sos_pressed"),
        "smoke smoke-1 again": event(10, "smoke-1", "smoke_cleared", values={"note": b"\xff\xfe", "x": None}),
    }


def test_no_text_keeps_an_emergency_out_of_the_database(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        build_duty(conn)
        for device in DEVICES:
            conn.execute(
                "INSERT INTO device (gateway_id, name, model) SELECT id, %s, 'sonoff-snzb-01p' FROM gateway"
                " WHERE name = 'gw-1' ON CONFLICT DO NOTHING",
                (device,),
            )
        settings = {"SHOUWANG_DATABASE_URL": postgres.url}
        home, sent = Home(broker), attacks(time.time_ns() // 1000)
        raised = "SELECT rule || ' ' || (evidence ->> 'device') FROM alert WHERE severity IN ('emergency', 'urgent')"
        expected = {name for name in sent if not name.endswith("again")}
        with (
            service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting,
            service("ingest", broker.settings("svc-ingest"), tmp_path, **settings) as ingest,
        ):
            wait_for(lambda: "connected to the broker" in alerting.log(), 60, alerting.log)
            wait_for(lambda: "subscribed" in ingest.log(), 60, ingest.log)
            for payload in sent.values():
                home.client.publish(wire.topic("gw-1", "events"), payload, qos=1).wait_for_publish(15)
            wait_for(lambda: {name for (name,) in conn.execute(raised)} == expected, 30, alerting.log)
            assert "the database refuses" not in alerting.log()
            assert "a detector failed" not in alerting.log()
            sweeper = Sweeper(conn)
            wait_for(lambda: sweeper.sweep() == 0, 30, alerting.log)
            for (alert_id,) in conn.execute("SELECT id FROM alert WHERE severity = 'emergency'").fetchall():
                assert told(conn, alert_id), "nobody is called"

            kinds = "SELECT count(*) FROM event"
            wait_for(lambda: conn.execute(kinds).fetchone() == (len(sent) - 3,), 30, ingest.log)
            kept = conn.execute("SELECT code, count(*) FROM quarantine GROUP BY code").fetchall()
            assert dict(kept)["undecodable"] == 1, "its number cannot be read"
            assert dict(kept)["partly unreadable"] >= 6
            told_of = "SELECT evidence ->> 'refusals' FROM alert WHERE rule = 'messages_refused'"
            wait_for(lambda: "partly unreadable" in str(conn.execute(told_of).fetchone()), 30, alerting.log)
    mqtt.stop(home.client)
