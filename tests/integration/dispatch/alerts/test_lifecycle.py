"""What people and the system may do with an alert, on a real database."""

import datetime as dt
import uuid
from typing import Literal

import psycopg
import pytest

from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.lifecycle import NewAlert
from dispatch.alerts.states import TRANSITIONS, AlertChanged, LifecycleError, next_state
from dispatch.channels import notifications
from dispatch.channels.notifications import Reason
from dispatch.core import history
from dispatch.core.history import Actor

NOW = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
ZHOU = Actor(None, "周敏", "127.0.0.1")


@pytest.fixture
def conn(database_url: str) -> psycopg.Connection[tuple[object, ...]]:
    conn = psycopg.connect(database_url, autocommit=True)
    conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('d', 'district', '区', 'd')")
    conn.execute(
        "INSERT INTO household (code, area_id, address_zh, address_en) SELECT 'H1', id, '一号', 'one' FROM area LIMIT 1"
    )
    return conn


def new(conn: psycopg.Connection[tuple[object, ...]], severity: str = "urgent", key: str = "a") -> NewAlert:
    row = conn.execute("SELECT id FROM household").fetchone()
    assert row is not None
    household = int(str(row[0]))
    alert_id = uuid.uuid5(uuid.NAMESPACE_URL, key)
    return NewAlert(
        id=alert_id,
        rule="fall",
        rule_version=1,
        severity=severity,
        subject="household:1",
        household_id=household,
        resident_id=None,
        onset=NOW,
        sensed_at=NOW,
        received_at=NOW,
        raised_at=NOW,
        reason_zh="疑似跌倒",
        reason_en="fall",
        evidence={"kind": "x"},
    )


def test_the_first_insert_wins(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    assert lifecycle.raise_alert(conn, new(conn))
    assert not lifecycle.raise_alert(conn, new(conn))
    assert len(history.events_of(conn, new(conn).id)) == 1
    conn.close()


def test_from_raised_to_resolved(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    alert = new(conn)
    lifecycle.raise_alert(conn, alert)
    states = [
        lifecycle.act(conn, alert.id, "acknowledge", ZHOU, NOW, expected_version=1),
        lifecycle.act(conn, alert.id, "respond", ZHOU, NOW, expected_version=2),
        lifecycle.act(conn, alert.id, "arrive", ZHOU, NOW, expected_version=3),
        lifecycle.act(conn, alert.id, "resolve", ZHOU, NOW, expected_version=4, outcome="helped", note="无外伤"),
    ]
    assert states == ["acknowledged", "responding", "on_scene", "resolved"]
    assert [e["action"] for e in history.events_of(conn, alert.id)] == [
        "raise",
        "acknowledge",
        "respond",
        "arrive",
        "resolve",
    ]
    assert lookup.list_open(conn) == []
    with pytest.raises(LifecycleError):
        lifecycle.act(conn, alert.id, "acknowledge", ZHOU, NOW, expected_version=5)
    conn.close()


def test_the_second_of_two_hears_what_the_first_did(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    alert = new(conn)
    lifecycle.raise_alert(conn, alert)
    lifecycle.act(conn, alert.id, "acknowledge", ZHOU, NOW, expected_version=1)
    with pytest.raises(AlertChanged) as error:
        lifecycle.act(conn, alert.id, "acknowledge", Actor(None, "许晴"), NOW, expected_version=1)
    assert "周敏" in error.value.message_zh
    assert "11:00:00" in error.value.message_zh
    conn.close()


def test_resolving_needs_a_known_outcome(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    alert = new(conn)
    lifecycle.raise_alert(conn, alert)
    with pytest.raises(LifecycleError):
        lifecycle.act(conn, alert.id, "resolve", ZHOU, NOW, expected_version=1, outcome="whatever")
    conn.close()


def test_an_alert_that_a_person_has_is_not_cleared_by_itself(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    for key in ("untouched", "taken"):
        lifecycle.raise_alert(conn, new(conn, key=key))
    taken, untouched = new(conn, key="taken").id, new(conn, key="untouched").id
    lifecycle.act(conn, taken, "acknowledge", ZHOU, NOW, expected_version=1)
    assert lifecycle.follow_up(conn, untouched, "clear", NOW, "起身")
    assert lifecycle.follow_up(conn, taken, "clear", NOW, "起身")
    assert not lifecycle.follow_up(conn, untouched, "clear", NOW, "起身")
    (left,) = lookup.list_open(conn)
    assert left["id"] == taken
    assert history.events_of(conn, taken)[-1]["action"] == "note"
    conn.close()


def told(conn: psycopg.Connection[tuple[object, ...]], alert: uuid.UUID, reason: Reason) -> list[object]:
    rows = conn.execute(
        "SELECT recipient_key, state FROM notification WHERE alert_id = %s AND reason = %s ORDER BY id", (alert, reason)
    )
    return [(key, state) for key, state in rows]


@pytest.mark.parametrize("action", ["clear", "end"])
@pytest.mark.parametrize("taken", [True, False])
def test_the_end_is_told_to_those_who_were_told_the_begin(
    conn: psycopg.Connection[tuple[object, ...]], action: Literal["clear", "end"], taken: bool
) -> None:
    alert = new(conn, "emergency").id
    lifecycle.raise_alert(conn, new(conn, "emergency"))
    people = [notifications.Recipient("staff", key) for key in ("S1", "S2", "S3")]
    for step, one in enumerate(people):
        notifications.enqueue(conn, alert_id=alert, step=step, round=1, recipients=[one], reason="escalation", at=NOW)
    conn.execute("UPDATE notification SET state = 'sent' WHERE recipient_key <> 'S3'")
    if taken:
        lifecycle.act(conn, alert, "acknowledge", ZHOU, NOW, expected_version=1)
    assert lifecycle.follow_up(conn, alert, action, NOW, "烟雾解除", "smoke cleared")
    found = lookup.load(conn, alert)
    assert found is not None
    assert found["state"] == ("acknowledged" if taken else "cleared" if action == "clear" else "raised")
    assert told(conn, alert, "over") == [("S1", "waiting"), ("S2", "waiting")]
    if taken or action == "end":
        assert lifecycle.follow_up(conn, alert, "end", NOW, "烟雾解除", "smoke cleared")
        assert len(told(conn, alert, "over")) == 4, "each end once"
    conn.close()


def test_an_update_raises_the_severity_once(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    lifecycle.raise_alert(conn, new(conn))
    assert lifecycle.update_alert(conn, new(conn, "emergency"))
    assert not lifecycle.update_alert(conn, new(conn, "emergency"))
    found = lookup.load(conn, new(conn).id)
    assert found is not None
    assert (found["severity"], found["version"], found["state"]) == ("emergency", 2, "raised")
    conn.close()


def test_the_history_can_not_be_changed(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    lifecycle.raise_alert(conn, new(conn))
    for statement in ("DELETE FROM alert_event", "UPDATE alert_event SET note = 'x'", "TRUNCATE alert_event"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            conn.execute(statement)
    conn.close()


def test_every_pair_of_state_and_action_is_decided() -> None:
    states = ("raised", "acknowledged", "responding", "on_scene", "resolved", "cancelled", "cleared")
    for action, (sources, target) in TRANSITIONS.items():
        for state in states:
            if state in sources:
                assert next_state(state, action) == (target or state)  # type: ignore[arg-type]
            else:
                with pytest.raises(LifecycleError):
                    next_state(state, action)  # type: ignore[arg-type]
