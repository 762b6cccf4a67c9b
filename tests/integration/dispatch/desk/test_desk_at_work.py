"""The desk at work on a real database: cards, calls that pause the ladder, clocks of a whole queue."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dispatch.alerts import lookup
from dispatch.alerts.states import LifecycleError
from dispatch.core import history
from dispatch.desk import calls, clock, procedures
from dispatch.desk.calls import CallAttempt
from dispatch.desk.progress import progress
from dispatch.escalation.sweeper import Sweeper
from tests.support.orders import ZHOU, raise_alert, staff_city

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        yield conn


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def answered(answer: str | None, kind: str = "resident", key: str = "R1") -> CallAttempt:
    at = now()
    return CallAttempt(
        kind=kind, key=key, started_at=at, answered_at=at, ended_at=at, result="answered", answer=answer,  # type: ignore[arg-type]
    )  # fmt: skip


def test_steps_of_the_card_are_entries_of_the_history(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn, now())
    assert procedures.check_step(conn, alert, 2, ZHOU, now(), expected_version=1) == "raised"
    procedures.check_step(conn, alert, 1, ZHOU, now(), expected_version=2)
    for number in (0, 8):
        with pytest.raises(LifecycleError):
            procedures.check_step(conn, alert, number, ZHOU, now(), expected_version=3)
    done = procedures.checked(conn, alert)
    assert [(number, step.actor) for number, step in done.items()] == [(1, "周敏"), (2, "周敏")]
    event = history.events_of(conn, alert)[-1]
    assert (event["action"], event["note"][:5]) == ("step", "第 1 步")


def test_an_answered_call_pauses_the_ladder_and_nobody_says_nobody_answered(conn: psycopg.Connection[Any]) -> None:
    alert = raise_alert(conn, now())
    Sweeper(conn).sweep()
    with pytest.raises(LifecycleError):
        calls.record(conn, alert, answered("clear", "service", "120"), ZHOU, now())
    calls.record(conn, alert, answered("unclear"), ZHOU, now())
    climbing = progress(conn, alert)
    assert climbing is not None
    assert (climbing.rest, climbing.spoken and climbing.spoken.answer) == ("climbs", "unclear")
    assert climbing.next_zh
    calls.record(conn, alert, answered("clear"), ZHOU, now())
    paused = progress(conn, alert)
    assert paused is not None
    assert paused.next_at is not None
    assert paused.rest == "paused"
    assert paused.next_at >= now() + dt.timedelta(seconds=calls.PAUSE_S - 10)
    assert history.events_of(conn, alert)[-1]["note"] == "老人应答，清楚：逐级呼叫暂停 2 分钟"
    assert [one.key for one in calls.callees(conn, alert, now())][:2] == ["R1", "120"]
    calls.record(conn, alert, answered("help"), ZHOU, now())
    again = progress(conn, alert)
    assert again is not None
    assert again.next_at is not None
    assert (again.rest, again.next_at <= now()) == ("climbs", True), "whoever asks for help waits for no pause"
    assert history.events_of(conn, alert)[-1]["note"] == "老人求助：逐级呼叫立即继续"


def test_a_higher_severity_begins_with_round_one(conn: psycopg.Connection[Any]) -> None:
    from dispatch.alerts import lifecycle
    from dispatch.alerts.lifecycle import NewAlert

    alert = raise_alert(conn, now(), "urgent")
    Sweeper(conn).sweep()
    row = lookup.load(conn, alert)
    assert row is not None
    lifecycle.update_alert(
        conn,
        NewAlert(
            id=alert, rule="fall", rule_version=1, severity="emergency", subject="", household_id=row["household_id"],
            resident_id=None, onset=now(), sensed_at=now(), received_at=now(), raised_at=now(), reason_zh="确认",
            reason_en="x", evidence={},
        ),
    )  # fmt: skip
    Sweeper(conn).sweep()
    shown = progress(conn, alert)
    assert shown is not None
    assert shown.round == 1
    assert any(step.state == "told" for step in shown.steps)
    assert "轮" not in history.events_of(conn, alert)[-1]["note"]


def test_the_clocks_of_a_whole_queue_are_one_query(conn: psycopg.Connection[Any]) -> None:
    alerts = [raise_alert(conn, now() - dt.timedelta(seconds=number), "emergency") for number in range(3)]
    conn.execute(
        """
        INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, onset, sensed_at,
                           received_at, raised_at, reason_zh, reason_en, evidence, policy, next_step_at)
        SELECT gen_random_uuid(), rule, 1, severity, subject, household_id, resident_id, onset, sensed_at, received_at,
               raised_at, reason_zh, reason_en, evidence, policy, next_step_at
        FROM alert, generate_series(1, 166) WHERE severity = 'emergency'
        """
    )
    asked: list[object] = []

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
            asked.append(query)
            return super().execute(query, *rest, **options)

    conn.cursor_factory = Counting
    found = clock.clocks(conn, now())
    assert len(found) == 501
    assert len(asked) == 2, "the parameters, then all of the queue"
    first = found[str(alerts[0])]
    assert first.segments[0].state == "running"
    assert first.nearest is not None
    assert clock.clock_of(conn, alerts[0], now()) is not None
    assert clock.clock_of(conn, uuid.uuid4(), now()) is None
