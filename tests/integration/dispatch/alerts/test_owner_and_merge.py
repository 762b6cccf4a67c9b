"""Who has an alert, which alerts are one incident, what rests, and what is opened again; on a real database."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dispatch.alerts import lifecycle, lookup, reopening, snoozing
from dispatch.alerts.lifecycle import NewAlert
from dispatch.alerts.states import AlertAction, AlertChanged, LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk import merging
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders import ladder
from tests.support.network import NOW, account
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration
YANG = Actor(None, "杨敏", "link", "Yang Min")


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


def row(conn: psycopg.Connection[Any], alert: uuid.UUID) -> dict[str, Any]:
    found = lookup.load(conn, alert)
    assert found is not None
    extra = conn.execute("SELECT next_step_at, round FROM alert WHERE id = %s", (alert,)).fetchone()
    assert extra is not None
    return {**found, "next_step_at": extra[0], "round": extra[1]}


def act(conn: psycopg.Connection[Any], alert: uuid.UUID, action: AlertAction, who: Actor = ZHOU, **more: Any) -> None:
    lifecycle.act(conn, alert, action, who, NOW, expected_version=row(conn, alert)["version"], **more)


def test_whoever_takes_an_alert_owns_it_until_it_lapses(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn)
    assert row(conn, alert)["owner_zh"] == ""
    with pytest.raises(LifecycleError):  # nobody has it: it is acknowledged, not taken over
        act(conn, alert, "own", YANG)
    someone = account(conn, "dispatcher")
    act(conn, alert, "acknowledge", Actor(someone.id, someone.name_zh))
    mine = row(conn, alert)
    assert (mine["owner_id"], mine["owner_zh"], mine["owner_en"]) == (someone.id, someone.name_zh, someone.name_en)
    act(conn, alert, "respond", YANG, own=False)
    assert row(conn, alert)["owner_id"] == someone.id, "whoever is sent leaves it with whoever sends"
    act(conn, alert, "own", YANG)
    assert (row(conn, alert)["owner_zh"], row(conn, alert)["owner_en"]) == ("杨敏", "Yang Min")
    assert row(conn, alert)["state"] == "responding"
    assert lifecycle.lapse(conn, alert, NOW, "无进展")
    assert row(conn, alert)["owner_zh"] == ""
    act(conn, alert, "note", note="已电话询问邻居")
    assert (row(conn, alert)["state"], row(conn, alert)["owner_zh"]) == ("raised", "")


def test_alerts_of_one_home_become_one_incident_led_by_the_gravest(conn: psycopg.Connection[Any]) -> None:
    mild = raise_alert(conn, NOW, "urgent", "bed_exit")
    grave = raise_alert(conn, NOW + dt.timedelta(minutes=5), "emergency", "fall")
    raise_alert(conn, NOW + dt.timedelta(minutes=30), "urgent", "bathroom_stay")
    raise_alert(conn, NOW, "technical", "device_silent")
    raise_alert(conn, NOW, "emergency", "sos", "R2")
    act(conn, mild, "acknowledge")
    assert [(offer.alert_id, offer.leads) for offer in merging.offers(conn, mild)] == [(grave, True)]
    seen = row(conn, mild)["version"]
    assert merging.merge(conn, mild, grave, YANG, NOW, expected_version=seen) == grave
    follower, lead = row(conn, mild), row(conn, grave)
    assert (follower["merged_into"], follower["state"], follower["next_step_at"]) == (grave, "raised", None)
    assert (lead["state"], lead["merged"], lead["next_step_at"] is not None) == ("raised", 1, True)
    with pytest.raises(LifecycleError, match="merged"):
        act(conn, mild, "acknowledge")
    act(conn, mild, "note", note="邻居听到响声")
    act(conn, grave, "acknowledge", YANG)
    assert (row(conn, mild)["state"], row(conn, mild)["owner_zh"]) == ("acknowledged", "杨敏")
    assert lifecycle.follow_up(conn, mild, "clear", NOW, "已回床"), "what the system learns is kept …"
    assert row(conn, mild)["state"] == row(conn, grave)["state"] == "acknowledged", "… and closes nothing"
    act(conn, grave, "resolve", YANG, outcome="helped")
    assert (row(conn, mild)["state"], row(conn, mild)["outcome"]) == ("resolved", "helped")
    assert [one.alert_id for one in merging.followers(conn, grave)] == [mild]
    assert "merge" in [event["action"] for event in history.events_of(conn, mild)]
    with pytest.raises(LifecycleError):
        merging.unmerge(conn, mild, ZHOU, NOW, expected_version=row(conn, mild)["version"])


def test_a_follower_that_becomes_graver_takes_its_lead_along(conn: psycopg.Connection[Any]) -> None:
    first, second = raise_alert(conn, NOW, "urgent", "fall"), raise_alert(conn, NOW, "urgent", "bed_exit")
    lead = merging.merge(conn, first, second, ZHOU, NOW, expected_version=1)
    follower = second if lead == first else first
    graver = NewAlert(
        id=follower, rule="fall", rule_version=1, severity="emergency", subject="", resident_id=None,
        household_id=row(conn, follower)["household_id"], onset=NOW, sensed_at=NOW, received_at=NOW, raised_at=NOW,
        reason_zh="确认跌倒", reason_en="fall", evidence={},
    )  # fmt: skip
    assert lifecycle.update_alert(conn, graver)
    assert [row(conn, one)["severity"] for one in (lead, follower)] == ["emergency", "emergency"]
    assert row(conn, lead)["round"] == 1
    merging.unmerge(conn, follower, ZHOU, NOW, expected_version=row(conn, follower)["version"])
    assert row(conn, follower)["next_step_at"] is not None
    assert row(conn, lead)["merged"] == 0


def test_a_lead_that_rests_is_paused_or_has_ended_calls_on_for_what_is_merged_into_it(
    conn: psycopg.Connection[Any],
) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    lead, other = raise_alert(conn, NOW, "emergency", "fall"), raise_alert(conn, NOW, "urgent", "bed_exit")
    ladder.pause_calls(conn, lead, 120)
    merging.merge(conn, lead, other, ZHOU, NOW, expected_version=1)
    assert row(conn, lead)["next_step_at"] < soon
    silent, fault = (
        raise_alert(conn, NOW, "technical", "device_silent"),
        raise_alert(conn, NOW, "technical", "battery_low"),
    )
    conn.execute("UPDATE alert SET next_step_at = NULL WHERE id = %s", (silent,))  # its ladder has ended
    first = merging.merge(conn, silent, fault, ZHOU, NOW, expected_version=1)
    assert row(conn, first)["next_step_at"] is not None
    snoozing.snooze(conn, first, "8h", ZHOU, NOW, expected_version=row(conn, first)["version"])
    assert lifecycle.take_over(conn, first, YANG, NOW, "接班")
    assert (row(conn, first)["snoozed_until"], row(conn, first)["next_step_at"] < soon) == (None, True)


def test_a_closed_alert_is_opened_again_with_a_reason(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn)
    act(conn, alert, "resolve", outcome="false_resident")
    version = row(conn, alert)["version"]
    for late, reason in ((dt.timedelta(), " "), (dt.timedelta(hours=25), "又叫了")):
        with pytest.raises(LifecycleError):
            reopening.reopen(conn, alert, ZHOU, NOW + late, expected_version=version, reason=reason)
    with pytest.raises(AlertChanged):
        reopening.reopen(conn, alert, ZHOU, NOW, expected_version=version - 1, reason="又叫了")
    reopening.reopen(conn, alert, YANG, NOW, expected_version=version, reason="家属来电，老人仍在地上")
    again = row(conn, alert)
    assert (again["state"], again["outcome"], again["owner_zh"], again["round"]) == ("raised", None, "", 1)
    assert again["next_step_at"] is not None
    assert history.events_of(conn, alert)[-1]["note"] == "家属来电，老人仍在地上"
    assert lifecycle.follow_up(conn, alert, "clear", NOW, "已起身"), "kept as a note …"
    assert row(conn, alert)["state"] == "raised", "… a person has said that it is not over: only a person ends it"
    act(conn, alert, "resolve", outcome="hospital")
    assert conn.execute("SELECT verdict FROM alert_finding WHERE alert_id = %s", (alert,)).fetchall() == [("true",)]


def test_a_resolution_is_taken_back_at_once_by_whoever_gave_it(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn)
    act(conn, alert, "respond")
    act(conn, alert, "resolve", outcome="helped")
    version = row(conn, alert)["version"]
    for who, late in ((YANG, 1), (ZHOU, 60)):
        with pytest.raises(LifecycleError):
            reopening.undo(conn, alert, who, NOW + dt.timedelta(seconds=late), expected_version=version)
    assert reopening.undo(conn, alert, ZHOU, NOW + dt.timedelta(seconds=9), expected_version=version) == "responding"
    back = row(conn, alert)
    assert (back["state"], back["owner_zh"], back["outcome"], back["closed_at"]) == ("responding", "周敏", None, None)
    assert back["next_step_at"] is not None


def test_only_technical_alerts_rest_and_they_come_back_by_themselves(conn: psycopg.Connection[Any]) -> None:
    with pytest.raises(LifecycleError):
        snoozing.snooze(conn, raise_alert(conn), "1h", ZHOU, NOW, expected_version=1)
    alert = raise_alert(conn, NOW, "technical", "device_silent")
    with pytest.raises(LifecycleError):
        snoozing.snooze(conn, alert, "forever", ZHOU, NOW, expected_version=1)
    past = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    snoozing.snooze(conn, alert, "1h", ZHOU, past, expected_version=1)
    resting = row(conn, alert)
    assert resting["snoozed_until"] == resting["next_step_at"] == past + dt.timedelta(hours=1)
    act(conn, alert, "note", note="已报修")
    assert row(conn, alert)["snoozed_until"] is not None
    assert Sweeper(conn).sweep() == 2
    assert row(conn, alert)["snoozed_until"] is None
    assert row(conn, alert)["next_step_at"] is not None
    assert history.events_of(conn, alert)[-1]["action"] == "wake"


def test_a_rest_ends_where_the_severity_rises(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn, NOW, "technical", "device_silent")
    snoozing.snooze(conn, alert, "morning", ZHOU, NOW, expected_version=1)
    home = row(conn, alert)["household_id"]
    graver = NewAlert(
        id=alert, rule="device_silent", rule_version=1, severity="urgent", subject="", household_id=home,
        resident_id=None, onset=NOW, sensed_at=NOW, received_at=NOW, raised_at=NOW, reason_zh="x", reason_en="x",
        evidence={},
    )  # fmt: skip
    assert lifecycle.update_alert(conn, graver)
    assert row(conn, alert)["snoozed_until"] is None
    assert row(conn, alert)["next_step_at"] <= dt.datetime.now(dt.UTC)


def test_the_morning_is_the_next_one() -> None:
    assert snoozing.end_of("morning", dt.datetime(2026, 11, 29, 17, 0, tzinfo=dt.UTC)) == dt.datetime(
        2026, 12, 1, 0, 0, tzinfo=dt.UTC
    )  # 01:00 of the 30th by Shanghai's clock: the 1st, 8:00
    assert snoozing.end_of("8h", NOW) == NOW + dt.timedelta(hours=8)
