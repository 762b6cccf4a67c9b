"""Missed targets on a real database: noted once, told once; the report by organisation and shift."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from alerting.tuning import sheet
from care_network.errors import ProvisioningError
from dispatch.alerts import lifecycle
from dispatch.orders.people import Crews
from dispatch.orders.sweeper import sweep
from dispatch.sla import report as sla_store
from shouwang.cli.main import app
from tests.support.network import NOW, account
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


def test_a_district_sets_its_own_targets_and_judges_nobody_after_the_fact(
    city: psycopg.Connection, database_url: str
) -> None:
    def put(value: float | None, at: dt.datetime, scope: str = "district", key: str = "") -> None:
        admin = account(city, "admin")
        sheet.change(city, admin, scope, key, "sla.emergency.acknowledged", value, "pilot", at, "test")

    early = raise_alert(city)
    put(30, NOW + 20 * SECOND)
    late = raise_alert(city, NOW + 25 * SECOND)
    assert sla_store.note_breaches(city, NOW + 56 * SECOND) == 1
    assert told(city)[0][0] == late
    assert sla_store.note_breaches(city, NOW + 61 * SECOND) == 1
    assert {one["alert_id"]: one["target_s"] for one in sla_store.breaches(city, NOW)} == {early: 60, late: 30}
    lines = sla_store.report(city, NOW - SECOND, NOW + 60 * SECOND, NOW + 62 * SECOND)
    assert sorted(one.target_s for one in lines if one.milestone == "acknowledged") == [30, 60]
    with pytest.raises(ProvisioningError, match="set it for the district"):
        put(45, NOW, "grade", "severe")
    names = {line.name for line in sheet.load_sheet(city, account(city, "admin"), "grade", "severe", NOW, "test").lines}
    assert not any(name.startswith("sla.") for name in names)
    change = sheet.load_sheet(city, account(city, "admin"), "district", "", NOW, "test").history[0]
    assert (change.name, change.new_value, change.reason) == ("sla.emergency.acknowledged", 30, "pilot")
    shown = CliRunner().invoke(app, ["orders", "sla", "--as", "dispatcher", "--url", database_url]).output
    assert "30 s" in shown
    put(None, NOW + 70 * SECOND)
    assert sla_store.targets(city).at(NOW + 71 * SECOND).seconds["emergency"]["acknowledged"] == 60


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
