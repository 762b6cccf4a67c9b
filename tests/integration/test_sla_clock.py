"""Missed targets on a real database: noted once, told once; the report by organisation and shift."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from alerting import lifecycle, sla_store
from alerting.orders.people import Crews
from alerting.orders.sweeper import sweep
from tests.support.network import NOW
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


def told(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT alert_id, step, recipient_kind, recipient_key FROM notification WHERE reason = 'breach' ORDER BY id"
    ).fetchall()


def test_a_missed_target_is_noted_and_told_once(city: psycopg.Connection) -> None:
    crews = Crews()
    alert = raise_alert(city)
    in_time = raise_alert(city)
    lifecycle.act(city, in_time, "acknowledge", ZHOU, NOW + 50 * SECOND, expected_version=1)
    assert sweep(city, crews, NOW + 60 * SECOND).breaches == 0
    assert sweep(city, crews, NOW + 61 * SECOND).breaches == 1
    assert sweep(city, crews, NOW + 62 * SECOND).breaches == 0
    assert told(city) == [(alert, 0, "organisation", "center-1")]
    (noted,) = sla_store.breaches(city, NOW)
    assert (noted["alert_id"], noted["milestone"], noted["due_at"]) == (alert, "acknowledged", NOW + 60 * SECOND)
    assert noted["organisation"] == "center-1"
    assert sla_store.breaches(city, NOW, under="sz.yt.ms") == []
    lifecycle.act(city, alert, "respond", ZHOU, NOW + 70 * SECOND, expected_version=1)
    assert sweep(city, crews, NOW + 1000 * SECOND).breaches == 4  # contacted and on scene, of both
    lifecycle.act(city, alert, "resolve", ZHOU, NOW + 1100 * SECOND, expected_version=2, outcome="helped")
    assert sweep(city, crews, NOW + 8000 * SECOND).breaches == 1, "what is over misses nothing any more"


def test_a_forgotten_alert_is_not_told_of_for_ever(city: psycopg.Connection) -> None:
    raise_alert(city, NOW - dt.timedelta(days=8))
    assert sla_store.note_breaches(city, NOW) == 0


def test_a_place_that_nobody_serves_is_noted_all_the_same(city: psycopg.Connection) -> None:
    city.execute("UPDATE organisation SET active = false")
    raise_alert(city)
    assert sla_store.note_breaches(city, NOW + 61 * SECOND) == 1
    assert told(city) == []


def test_the_report_by_organisation_and_shift(city: psycopg.Connection) -> None:
    for seconds in (10, 20, 90):
        alert = raise_alert(city)
        lifecycle.act(city, alert, "acknowledge", ZHOU, NOW + seconds * SECOND, expected_version=1)
    raise_alert(city, resident="R2", severity="urgent")
    night = NOW + dt.timedelta(hours=11, minutes=30)
    raise_alert(city, night)
    lines = sla_store.report(city, NOW - SECOND, NOW + dt.timedelta(days=1), night + SECOND)
    found = {(line.organisation, line.shift, line.severity, line.milestone): line for line in lines}
    day = found["center-1", "all", "emergency", "acknowledged"]
    assert (day.alerts, day.met, day.late, day.p50_s) == (3, 2, 1, 20.0)
    assert found["center-1", "night", "emergency", "acknowledged"].pending == 1
    assert found["center-2", "", "urgent", "acknowledged"].missed == 1
    below = sla_store.report(city, NOW - SECOND, night, night, under="sz.yt.ms")
    assert {line.organisation for line in below} == {"center-2"}
