"""The database away: an emergency is told to its first step all the same, and nobody gets the message twice."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from dispatch.escalation.sweeper import Sweeper
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.ladders import build_duty, told
from tests.support.release import either_broker
from tests.support.services import service, wait_for

pytestmark = pytest.mark.integration

CHANNELS = """
[channels.sms]
adapter = "http"
options = {{ url = "{url}", json = {{ to = "{{address}}", text = "{{text}}" }} }}
[order]
staff = ["sms"]
contact = ["sms"]
organisation = []
service = ["sms"]
"""


@contextmanager
def sms_gateway() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """A gateway that takes everything: its address, and (to, text, idempotency key) in order."""
    received: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((body["to"], body["text"], self.headers["Idempotency-Key"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/sms", received
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class Home:
    """The gateway of H1 with an SOS button."""

    def __init__(self, broker: TestBroker) -> None:
        connected = threading.Event()
        self.client = mqtt.make_client(broker.settings("gw-1"), "gw-1", clean=True)
        self.client.on_connect = lambda *_: connected.set()
        mqtt.start(self.client, broker.settings("gw-1"))
        assert connected.wait(15)
        self._seq = 0

    def press(self, kind: str = "sos_pressed") -> None:
        self._seq += 1
        at = time.time_ns() // 1000
        event = wire.Event(1, "gw-1", 5, 6, self._seq, at, "sos-button", kind)
        self.client.publish(wire.topic("gw-1", "events"), wire.encode(event), qos=1).wait_for_publish(15)


def alerts(url: str) -> list[tuple[object, str]]:
    try:
        with psycopg.connect(url) as conn:
            return [(row[0], row[1]) for row in conn.execute("SELECT id, rule FROM alert ORDER BY onset")]
    except psycopg.OperationalError:
        return []


@either_broker
def test_told_without_the_database_and_written_afterwards(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        build_duty(conn)
        conn.execute(
            "INSERT INTO device (gateway_id, name, model) SELECT id, 'sos-button', 'sonoff-snzb-01p' FROM gateway"
            " WHERE name = 'gw-1'"
        )
    home = Home(broker)
    with sms_gateway() as (url, received):
        channels = tmp_path / "channels.toml"
        channels.write_text(CHANNELS.format(url=url))
        settings = {"SHOUWANG_DATABASE_URL": postgres.url, "SHOUWANG_NOTIFY_CHANNELS_FILE": str(channels)}
        with service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting:
            wait_for(lambda: "connected to the broker" in alerting.log(), 30, alerting.log)
            home.press()
            wait_for(lambda: len(alerts(postgres.url)) == 1, 30, alerting.log)
            # The database is there: the first call is the ladder's, not alerting's.
            home.press("smoke_detected")
            wait_for(lambda: len(alerts(postgres.url)) == 2, 30, alerting.log)

            postgres.stop()
            pressed = time.monotonic()
            home.press("gas_detected")
            wait_for(lambda: len(received) >= 2, 20, alerting.log)
            assert time.monotonic() - pressed < 8, "two seconds of patience, and some for a busy machine"
            assert {to for to, _, _ in received} == {"0755-00090", "0755-00092"}, "bed team and district, on duty"
            assert "燃气" in received[0][1]
            kept = tmp_path / "alerting" / "first-calls.jsonl"
            wait_for(lambda: kept.exists() and len(kept.read_bytes().splitlines()) == 2, 30, alerting.log)
            alerting.kill()
            alerting.start()
            wait_for(lambda: "connected to the broker" in alerting.log(), 30, alerting.log)
            postgres.start()
            wait_for(lambda: len(alerts(postgres.url)) == 3, 40, alerting.log)
            gas = next(key for key, rule in alerts(postgres.url) if rule == "gas")
            with psycopg.connect(postgres.url, autocommit=True) as conn:
                sweeper = Sweeper(conn)
                wait_for(lambda: sweeper.sweep() == 0, 30, alerting.log)
                assert sorted(who for _, _, who in told(conn, gas)) == ["B1", "D1"]  # type: ignore[arg-type]
                states = conn.execute(
                    "SELECT DISTINCT state, message_id FROM notification WHERE alert_id = %s", (gas,)
                ).fetchall()
                assert states == [("sent", None)], "nothing is left to be sent"
            wait_for(lambda: kept.read_bytes() == b"", 30, alerting.log)
        assert len(received) == 2
        assert len({key for _, _, key in received}) == 2
    mqtt.stop(home.client)
