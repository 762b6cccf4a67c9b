"""The change of shifts, a flood, and the archive of closed alerts; on a real database."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from care_network.access import sessions
from care_network.errors import NotPermittedError, ProvisioningError
from dispatch.alerts import lifecycle
from dispatch.alerts.states import LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk import closed, flood, handover
from dispatch.desk.closed import ClosedFilter
from dispatch.desk.watchlist import watch_list
from tests.support.network import account
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        conn.execute(
            "INSERT INTO account (login, name_zh, name_en, role, area_path, language, password_hash)"
            " SELECT 'night', '夜班', 'Night', role, area_path, language, password_hash FROM account"
            " WHERE login = 'dispatcher'"
        )
        yield conn


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_a_hand_over_shows_itself_to_the_receiver_and_moves_ownership(conn: psycopg.Connection[Any]) -> None:
    day, night = account(conn, "dispatcher"), account(conn, "night")
    taken, waiting = raise_alert(conn, now()), raise_alert(conn, now(), "urgent", "bed_exit")
    lifecycle.act(conn, taken, "acknowledge", Actor(day.id, day.name_zh), now(), expected_version=1)
    assert day.area_path is not None
    offered = handover.offer(conn, day.area_path, day, now(), "test", "2 号楼停电")
    assert handover.waiting_for(conn, day) is None, "not to whoever offers it"
    assert handover.waiting_for(conn, account(conn, "daughter")) is None
    seen = handover.waiting_for(conn, night)
    assert seen is not None
    assert (seen.id, seen.from_name, seen.alerts, seen.emergencies) == (offered.id, day.name_zh, 2, 1)
    handover.accept(conn, offered.id, night, now(), "test")
    assert handover.waiting_for(conn, night) is None
    owners = dict(conn.execute("SELECT id, owner_id FROM alert").fetchall())
    assert owners == {taken: night.id, waiting: None}, "whoever accepts owns what was taken; the rest is still called"


def test_the_watch_list_has_what_the_next_shift_must_know(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn, now())
    for version in (1, 3):
        lifecycle.act(conn, alert, "acknowledge", ZHOU, now(), expected_version=version)
        lifecycle.lapse(conn, alert, now(), "无进展")
    conn.execute(
        "INSERT INTO pause (kind, household_id, since, until, reason, actor) SELECT 'maintenance', id,"
        " now() - interval '1 hour', now() + interval '1 hour', '换电池', '周敏' FROM household WHERE code = 'H1'"
    )
    area = account(conn, "dispatcher").area_path
    assert area is not None
    found = watch_list(conn, area, now())
    assert found.open == {"emergency": 1}
    assert found.unowned == 1
    assert [(one.alert_id, one.lapses) for one in found.lapsed] == [(alert, 2)]
    assert [one.household for one in found.paused] == ["H1"]
    assert (found.holes, found.orders) == ((), ())


def test_support_is_asked_for_once_in_ten_minutes(conn: psycopg.Connection[Any]) -> None:
    day, night = account(conn, "dispatcher"), account(conn, "night")
    assert day.area_path is not None
    for one in (day, night):
        sessions.open_session(conn, one, "127.0.0.1", now())
    assert flood.desks(conn, day.area_path, now()) == 2
    with pytest.raises(LifecycleError):
        flood.ask_for_support(conn, day, now(), "test")
    with pytest.raises(NotPermittedError):
        flood.ask_for_support(conn, account(conn, "carer"), now(), "test")
    raise_alert(conn, now(), "urgent", "bed_exit")
    grave = raise_alert(conn, now())
    conn.execute("UPDATE staff SET account_id = %s WHERE code = 'S11'", (night.id,))
    asked = flood.ask_for_support(conn, day, now(), "test")
    assert asked.waiting == 2
    told = conn.execute("SELECT alert_id, recipient_key FROM notification WHERE reason = 'support'").fetchall()
    assert (grave, "S11") in told
    assert len(told) == asked.told
    assert history.events_of(conn, grave)[-1]["action"] == "support"
    with pytest.raises(LifecycleError):
        flood.ask_for_support(conn, night, now(), "test")
    assert flood.last_support(conn, day.area_path, now()) is not None
    flood.ask_for_support(conn, day, now() + dt.timedelta(minutes=11), "test")


def end(conn: psycopg.Connection[Any], minute: int, resident: str = "R1", **how: Any) -> uuid.UUID:
    at = now() - dt.timedelta(minutes=minute)
    alert = raise_alert(conn, at, how.get("severity", "emergency"), how.get("rule", "fall"), resident)
    who = account(conn, "dispatcher")
    lifecycle.act(
        conn, alert, "resolve", Actor(who.id, who.name_zh), at, expected_version=1, outcome=how.get("outcome", "helped")
    )
    return alert


def test_closed_alerts_are_found_by_every_filter_and_page_by_page(conn: psycopg.Connection[Any]) -> None:
    who = account(conn, "dispatcher")
    alerts = [end(conn, minute) for minute in (1, 2, 3)]
    radar = end(conn, 4, severity="technical", rule="device_silent", outcome="repaired")
    other = end(conn, 5, "R2", outcome="hospital")
    raise_alert(conn, now())

    def ids(after: str = "", limit: int = 50, **wanted: Any) -> list[uuid.UUID]:
        return [one.id for one in closed.search(conn, who, ClosedFilter(**wanted), after=after, limit=limit).alerts]

    assert ids() == [*alerts, radar, other]
    first = closed.search(conn, who, ClosedFilter(), limit=2)
    second = closed.search(conn, who, ClosedFilter(), limit=2, after=first.next)
    third = closed.search(conn, who, ClosedFilter(), limit=2, after=second.next)
    assert [one.id for page in (first, second, third) for one in page.alerts] == [*alerts, radar, other]
    assert third.next == ""
    assert ids(severities=("technical",)) == ids(rule="device_silent") == ids(kind="device") == [radar]
    assert ids(outcome="hospital") == ids(words="R2") == [other]
    assert ids(kind="fall") == [*alerts, other]
    assert ids(owner_id=who.id) == [*alerts, radar, other]
    assert ids(owner_id=0) == ids(states=("cancelled",)) == ids(words="没有这个人") == ids(area="elsewhere") == []
    assert ids(since=now() - dt.timedelta(minutes=2, seconds=30)) == alerts[:2]
    assert ids(until=now() - dt.timedelta(minutes=4, seconds=30)) == [other]
    line = first.alerts[0]
    assert (line.outcome_zh, line.owner_zh, line.headline_zh) == ("属实，已现场帮助", who.name_zh, "跌倒，倒地后未起身")


def test_what_can_not_be_searched_is_said(conn: psycopg.Connection[Any]) -> None:
    who = account(conn, "dispatcher")
    with pytest.raises(NotPermittedError):
        closed.search(conn, account(conn, "daughter"), ClosedFilter())
    for wrong in (
        {"states": ("raised",)}, {"severities": ("grave",)}, {"outcome": "x"}, {"kind": "x"},
        {"since": now(), "until": now() - dt.timedelta(days=1)},
    ):  # fmt: skip
        with pytest.raises(ProvisioningError):
            closed.search(conn, who, ClosedFilter(**wrong))  # type: ignore[arg-type]
    for key in ("x", "1_x", f"{10**30}_{uuid.uuid4()}"):
        with pytest.raises(ProvisioningError):
            closed.search(conn, who, ClosedFilter(), after=key)


def test_nobody_finds_what_lies_outside_their_area(conn: psycopg.Connection[Any]) -> None:
    end(conn, 1, "R2")
    mine = end(conn, 2, "R1")
    carer = account(conn, "carer")
    found = [one.id for one in closed.search(conn, carer, ClosedFilter()).alerts]
    assert found == [mine]
