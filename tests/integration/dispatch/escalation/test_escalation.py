"""Ladders on a real database: climbed once, by any number of workers, killed or not."""

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.states import AlertAction
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.escalation.status import oldest_overdue_s
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders import store
from dispatch.ladders.policy import PolicyError
from tests.support.databases import TestPostgres
from tests.support.ladders import BEDS, CENTER, DISTRICT, STAFF, build_duty, ladder, raise_one, told, use
from tests.support.rules import about
from tests.support.services import WorkerProcess, wait_for

pytestmark = pytest.mark.integration
ZHOU = Actor(None, "周敏", "test")
LADDER = [
    (0, 1, STAFF[BEDS]), (0, 2, STAFF[CENTER]), (0, 3, STAFF[DISTRICT]), (0, 3, DISTRICT), (0, 3, "R1/0755-00081"),
]  # fmt: skip


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        yield conn


def make_due(conn: psycopg.Connection) -> None:
    """As if the time had passed: deadlines are the database's, and no test waits for them."""
    conn.execute("UPDATE alert SET next_step_at = clock_timestamp() WHERE next_step_at IS NOT NULL")


def climb(conn: psycopg.Connection, sweeper: Sweeper, times: int = 1) -> None:
    for _ in range(times):
        make_due(conn)
        sweeper.sweep()


def now(conn: psycopg.Connection) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: dt.datetime = row[0]
    return found


def act(conn: psycopg.Connection, alert: object, action: str, **extra: object) -> str:
    row = conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row is not None
    return lifecycle.act(conn, alert, action, ZHOU, now(conn), expected_version=row[0], **extra)  # type: ignore[arg-type]


def due_in(conn: psycopg.Connection, alert: object) -> float | None:
    row = conn.execute(
        "SELECT extract(epoch FROM next_step_at - clock_timestamp()) FROM alert WHERE id = %s", (alert,)
    ).fetchone()
    assert row is not None
    return None if row[0] is None else float(row[0])


def test_it_climbs_step_by_step_and_begins_again(conn: psycopg.Connection) -> None:
    use(conn, ladder((0, 30, 30)))
    alert = raise_one(conn)
    sweeper = Sweeper(conn)
    assert sweeper.sweep() == 1
    assert told(conn, alert) == LADDER[:1]
    assert sweeper.sweep() == 0
    assert 20 < (due_in(conn, alert) or 0) <= 30
    climb(conn, sweeper, 2)
    assert told(conn, alert) == LADDER, "the contact without consent is told nothing"
    assert 50 < (due_in(conn, alert) or 0) <= 60
    climb(conn, sweeper)
    assert told(conn, alert)[-1] == (1, 1, STAFF[BEDS])
    notes = [event["note"] for event in history.events_of(conn, alert) if event["action"] == "call_out"]
    assert "床位小组 员B1" in notes[0]
    assert "第 2 轮" in notes[-1]


def test_the_policy_is_the_alerts_own(conn: psycopg.Connection) -> None:
    use(conn, ladder((0, 30, 30)))
    alert = raise_one(conn)
    use(conn, ladder((0,)))
    climb(conn, Sweeper(conn), 2)
    assert told(conn, alert) == LADDER[:2]


def test_an_answer_stops_it_and_silence_after_it_does_not_last(conn: psycopg.Connection) -> None:
    use(conn, ladder((0, 30, 30)))
    alert = raise_one(conn)
    sweeper = Sweeper(conn)
    sweeper.sweep()
    act(conn, alert, "acknowledge")
    states = conn.execute("SELECT DISTINCT state FROM notification").fetchall()
    assert states == [("withdrawn",)], "what is not sent yet is not sent"
    assert 50 < (due_in(conn, alert) or 0) <= 60
    conn.execute("UPDATE alert SET next_step_at = clock_timestamp() + interval '1 s'")
    act(conn, alert, "note", note="正在联系家属")
    assert (due_in(conn, alert) or 0) > 50, "a person's note is work on it"
    lifecycle.follow_up(conn, alert, "note", now(conn), "心率正常")
    climb(conn, sweeper)
    found = lookup.load(conn, alert)
    assert found is not None
    assert found["state"] == "raised"
    sweeper.sweep()
    assert told(conn, alert)[1:] == [(1, 1, STAFF[BEDS])]
    act(conn, alert, "arrive")
    assert due_in(conn, alert) is None, "on the scene nobody is hurried"
    act(conn, alert, "resolve", outcome="helped")
    assert sweeper.sweep() == 0


@pytest.mark.parametrize("ending", ["clear", "cancel"])
def test_what_is_over_by_itself_calls_nobody(conn: psycopg.Connection, ending: AlertAction) -> None:
    use(conn, ladder())
    alert = raise_one(conn)
    lifecycle.follow_up(conn, alert, ending, now(conn), "")
    assert due_in(conn, alert) is None
    assert Sweeper(conn).sweep() == 0
    assert told(conn, alert) == []


def test_the_graver_severity_has_its_own_ladder(conn: psycopg.Connection) -> None:
    use(conn, ladder((0, 30), code="urgent", severity="urgent"))
    use(conn, ladder((0, 30, 30)))
    alert = raise_one(conn, severity="urgent")
    sweeper = Sweeper(conn)
    climb(conn, sweeper)
    row = conn.execute("SELECT household_id, resident_id, raised_at FROM alert").fetchone()
    assert row is not None
    worse = lifecycle.NewAlert(
        id=alert,
        rule="sos",
        rule_version=1,
        severity="emergency",
        subject="household:a",
        household_id=row[0],
        resident_id=row[1],
        onset=row[2],
        sensed_at=row[2],
        received_at=row[2],
        raised_at=row[2],
        reason_zh="更重",
        reason_en="worse",
        evidence=about("sos"),
    )
    assert lifecycle.update_alert(conn, worse)
    climb(conn, sweeper, 3)
    assert [entry[:2] for entry in told(conn, alert)] == [(0, 1), (1, 1), (1, 2), (1, 3), (1, 3), (1, 3)]


def test_a_step_without_anybody_costs_no_time(conn: psycopg.Connection) -> None:
    use(conn, ladder((0, 300, 300)))
    conn.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at)"
        " SELECT id, 'absent', now() - interval '1 d', now() + interval '1 d' FROM staff"
        " WHERE code IN ('B1', 'C1', 'S1')"
    )
    alert = raise_one(conn)
    Sweeper(conn).sweep()
    assert told(conn, alert) == LADDER[2:]
    note = history.events_of(conn, alert)[-1]["note"]
    assert "第 1 级无人值班" in note
    assert "第 2 级无人值班" in note


def test_one_bad_alert_holds_up_no_other(conn: psycopg.Connection) -> None:
    use(conn, ladder())
    broken, good = raise_one(conn, "broken"), raise_one(conn, "good")
    conn.execute("UPDATE alert SET policy = '{\"code\": 1}', step = 99 WHERE id = %s", (broken,))
    sweeper = Sweeper(conn)
    sweeper.sweep()
    assert told(conn, good) == LADDER[:1]
    climb(conn, sweeper, 2)
    assert told(conn, broken), "it climbs by today's policy"


def test_an_alert_by_another_door_is_called_out_too(conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, onset, sensed_at, received_at,"
        " raised_at, reason_zh, reason_en, evidence)"
        " SELECT gen_random_uuid(), 'x', 1, 'emergency', 'x', id, now(), now(),"
        " now(), now(), '', '', '{}' FROM household WHERE code = 'H1'"
    )
    Sweeper(conn).sweep()
    (row,) = conn.execute("SELECT recipient_key FROM notification WHERE recipient_key = 'B1'").fetchall()
    assert row == (STAFF[BEDS],)


def test_the_longest_overdue_comes_first(conn: psycopg.Connection) -> None:
    use(conn, ladder())
    alerts = [raise_one(conn, str(number)) for number in range(25)]
    late = alerts[17]
    conn.execute("UPDATE alert SET next_step_at = clock_timestamp() - interval '1 min' WHERE id = %s", (late,))
    assert oldest_overdue_s(conn) > 59
    sweeper = Sweeper(conn)
    assert sweeper.sweep() == 10
    first = conn.execute("SELECT alert_id FROM notification ORDER BY id LIMIT 1").fetchone()
    assert first == (late,)
    assert sweeper.latest_s > 59


def test_policies_have_versions_and_are_checked(conn: psycopg.Connection) -> None:
    at = now(conn)
    real = ladder((0, 30, 30))
    assert store.save(conn, [real], at) == ["emergency"]
    assert store.save(conn, [real], at) == [], "nothing new"
    street = ladder((0, 10), code="hs", organisation=CENTER)
    assert store.save(conn, [street], at) == ["hs"]
    household = conn.execute("SELECT id, code FROM household ORDER BY code").fetchall()
    assert store.policy_of_home(conn, "emergency", household[0][0], at).code == "hs"
    assert store.policy_of_home(conn, "emergency", household[1][0], at).code == "emergency"
    with pytest.raises(PolicyError, match="no open organisation"):
        store.save(conn, [ladder((0, 10), code="x", organisation="nowhere")], at)
    with pytest.raises(PolicyError, match="at once"):
        store.save(conn, [ladder((5, 10))], at)
    store.retire(conn, "hs", at)
    with pytest.raises(PolicyError, match="everywhere"):
        store.retire(conn, "emergency", at)
    assert store.policy_of_home(conn, "emergency", household[0][0], at).version == 1


def expected(alerts: int) -> int:
    return alerts * len(LADDER)


def count(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM notification WHERE round = 0").fetchone()
    assert row is not None
    return int(row[0])


def test_workers_that_are_killed_neither_lose_nor_repeat_a_step(
    conn: psycopg.Connection, postgres: TestPostgres, tmp_path: Path
) -> None:
    use(conn, ladder((0, 0.2, 0.2)))
    workers = [WorkerProcess("dispatch.escalation", tmp_path, name, postgres.url) for name in ("d0", "d1")]
    try:
        for worker in workers:
            worker.start()
        alerts = [raise_one(conn, str(number)) for number in range(60)]
        for turn in range(6):
            before = count(conn)
            workers[turn % 2].kill()
            workers[turn % 2].start()
            wait_for(lambda b=before: count(conn) > b or count(conn) == expected(60), 30, workers[0].log)  # type: ignore[misc]
        wait_for(lambda: count(conn) >= expected(60), 60, lambda: f"{count(conn)} {workers[0].log()}")
        assert all(told(conn, alert)[: len(LADDER)] == LADDER for alert in alerts)
        steps = conn.execute(
            "SELECT alert_id, count(*) FROM alert_event WHERE action = 'call_out' GROUP BY alert_id"
        ).fetchall()
        assert {row[1] for row in steps} == {3}, "each step once in the history, too"
    finally:
        for worker in workers:
            worker.stop()


def test_two_workers_share_the_load(conn: psycopg.Connection, database_url: str) -> None:
    use(conn, ladder())
    for number in range(40):
        raise_one(conn, str(number))
    done: dict[int, int] = {}
    barrier = threading.Barrier(2)

    def work(number: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            sweeper = Sweeper(own)
            barrier.wait(10)
            while sweeper.sweep():
                pass
            done[number] = sweeper.steps

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert min(done.values()) > 0
    assert sum(done.values()) == 40


def test_it_goes_on_when_the_database_comes_back(
    conn: psycopg.Connection, postgres: TestPostgres, tmp_path: Path
) -> None:
    use(conn, ladder((0, 0.2, 0.2)))
    worker = WorkerProcess("dispatch.escalation", tmp_path, "d0", postgres.url)
    try:
        worker.start()
        wait_for(lambda: "climbing" in worker.log(), 30, worker.log)
        raise_one(conn)
        conn.close()
        postgres.stop()
        wait_for(lambda: "ladders wait" in worker.log(), 30, worker.log)
        postgres.start()
        with psycopg.connect(postgres.url, autocommit=True) as back:
            wait_for(lambda: count(back) == len(LADDER), 30, worker.log)
    finally:
        worker.stop()
