"""One event's way from the sensor to the person at the door, by the id of its alert or its own number."""

import datetime as dt
import uuid
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from care_network.records import kinds, store
from care_network.records.staff_records import NewShift
from dispatch.desk.trace import trace_alert, trace_event
from dispatch.orders import assigning
from dispatch.orders.people import Crews
from shouwang.cli.main import app
from tests.support.delivery import CARER, delivery, gateway_toml, town
from tests.support.orders import ZHOU, roster_all_day
from tests.support.peers import http_peer

pytestmark = pytest.mark.integration


def press(conn: psycopg.Connection, alert: uuid.UUID) -> int:
    """The event of the alert, as ingest stores it; its number."""
    conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'sos', 'sonoff-snzb-01p' FROM gateway")
    row = conn.execute(
        """
        INSERT INTO event (gateway_id, epoch, seq, device_id, kind, time)
        SELECT g.id, 5, 17, d.id, 'sos', a.sensed_at FROM alert a
        JOIN gateway g ON g.household_id = a.household_id JOIN device d ON d.gateway_id = g.id
        WHERE d.name = 'sos' AND a.id = %s
        RETURNING id
        """,
        (alert,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_from_the_sensor_to_the_telephone_and_the_person_at_the_door(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        shift = NewShift("center-1", "all", "全天", "All day", dt.time(0), dt.time(0))
        store.add(city.conn, kinds.SHIFT, shift, dt.date(2026, 1, 1))
        roster_all_day(city.conn, "S1")
        with delivery(database_url, gateway_toml("sms", peer.url) + '[order]\nstaff = ["sms"]\n', tmp_path):
            alert = city.tell(recipients=(CARER,))
            event = press(city.conn, alert)
            city.wait([("S1", "sms", "sent")])
        now = dt.datetime.now(dt.UTC)
        order = assigning.dispatch_alert(city.conn, Crews(), alert, ZHOU, now, staff_code="S1")
        assigning.act_as_person(city.conn, Crews(), order.id, "accept", order.staff_id or 0, ZHOU, now)
        found = trace_alert(city.conn, alert)
        assert found is not None
        assert found.event_ids == (event,)
        seen = [(step.part, step.en) for step in found.steps]
        for expected in (
            ("home", "sensor"), ("home", "sensed"), ("ingest", "event stored"), ("alerting", "alert raised"),
            ("alerting", "alert stored"), ("dispatch", "to be told"), ("notify", "sending"), ("notify", "result"),
            ("orders", "accept"),
        ):  # fmt: skip
            assert expected in seen
        assert [step.at for step in found.steps] == sorted(step.at for step in found.steps)
        assert found.steps[0].after_s == 0
        assert trace_event(city.conn, event) == found
        assert trace_alert(city.conn, uuid.uuid4()) is None
        assert trace_event(city.conn, event + 1) is None


def test_an_event_without_an_alert_has_its_own_steps(database_url: str) -> None:
    with town(database_url) as city:
        event = press(city.conn, city.tell())
        city.conn.execute("UPDATE event SET time = time - INTERVAL '1 hour'")
        found = trace_event(city.conn, event)
        assert found is not None
        assert found.alert_id is None
        assert [step.part for step in found.steps] == ["home", "ingest"]


def test_the_command_shows_it_and_each_look_is_audited(database_url: str) -> None:
    def types(*words: str, status: int = 0) -> str:
        wide = {"COLUMNS": "240", "TERMINAL_WIDTH": "240", "SHOUWANG_DATABASE_URL": database_url}
        result = CliRunner().invoke(app, ["trace", *words], env=wide)
        assert result.exit_code == status, result.output
        return result.output

    with town(database_url) as city:
        alert = city.tell()
        event = press(city.conn, alert)
        for which in (str(alert), str(event)):
            assert "发出预警 alert raised" in types(which, "--as", "dispatcher")
        assert "no such alert" in types(str(uuid.uuid4()), "--as", "dispatcher", status=1)
        assert "no such alert" in types("everything", "--as", "dispatcher", status=1)
        assert "no such alert" in types(str(alert), "--as", "carer-ms", status=1), "another street's"
        types(str(alert), "--as", "daughter", status=1)
        looks = city.conn.execute(
            "SELECT action, login, origin FROM audit a JOIN account o ON o.id = a.account_id ORDER BY a.id"
        ).fetchall()
    assert looks == [
        ("view_alert", "dispatcher", "cli"), ("view_alert", "dispatcher", "cli"), ("refused_alert", "carer-ms", "cli"),
    ]  # fmt: skip
