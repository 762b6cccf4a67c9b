"""What a dispatcher records and reads: calls in seconds, hand-over, findings, statistics, the commands."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from alerting import calls, handover, lifecycle, outcomes, statistics
from alerting.escalation import holes, store
from alerting.escalation.sweeper import Sweeper
from shouwang.cli import app
from tests.support.console import console
from tests.support.ladders import build_duty, ladder, raise_one, use

pytestmark = pytest.mark.integration
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        use(conn, ladder((0, 30, 30)))
        yield conn


def actor(conn: psycopg.Connection, login: str) -> lifecycle.Actor:
    row = conn.execute("SELECT id FROM account WHERE login = %s", (login,)).fetchone()
    assert row is not None
    return lifecycle.Actor(row[0], login, "test")


def now(conn: psycopg.Connection) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: dt.datetime = row[0]
    return found


def left(conn: psycopg.Connection) -> float:
    row = conn.execute("SELECT extract(epoch FROM next_step_at - clock_timestamp())::float8 FROM alert").fetchone()
    assert row is not None
    return float(row[0])


def test_calls_are_recorded_in_seconds_and_are_work(conn: psycopg.Connection) -> None:
    alert, who = raise_one(conn), actor(conn, "dispatcher")
    raised = now(conn)
    lifecycle.act(conn, alert, "acknowledge", who, raised, expected_version=1)
    conn.execute("UPDATE alert SET next_step_at = clock_timestamp() + interval '1 s'")
    begin = raised + 5 * SECOND
    calls.record(conn, alert, calls.Attempt("resident", "R1", begin, begin + 20 * SECOND, "no_answer"), who)
    assert left(conn) > 50
    again = calls.Attempt(
        "contact", "R1/0755-00081", begin + 30 * SECOND, begin + 90 * SECOND, "answered", begin + 34 * SECOND
    )
    calls.record(conn, alert, again, who)
    report = calls.report(conn, alert)
    assert report is not None
    assert [(one.result, round(one.rang_s), round(one.talked_s)) for one in report.attempts] == [
        ("no_answer", 20, 0), ("answered", 4, 56),
    ]  # fmt: skip
    assert 4 < report.attempts[0].after_s < 8
    assert report.responder == "dispatcher"
    assert report.response_s is not None
    assert report.response_s < 2
    for bad in (
        calls.Attempt("resident", "R1", begin, begin - SECOND, "busy"),
        calls.Attempt("resident", "R1", begin, begin, "answered"),
        calls.Attempt("resident", " ", begin, begin, "busy"),
    ):
        with pytest.raises(lifecycle.LifecycleError):
            calls.record(conn, alert, bad, who)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        conn.execute("DELETE FROM call_attempt")


def test_the_next_shift_has_what_is_open(conn: psycopg.Connection) -> None:
    first, second = raise_one(conn, "a"), raise_one(conn, "b")
    old, new = actor(conn, "dispatcher"), actor(conn, "admin")
    lifecycle.act(conn, first, "acknowledge", old, now(conn), expected_version=1)
    offered = handover.offer(conn, "sz.yt", old, now(conn), "R1 的女儿晚上回电")
    assert {one.alert_id: one.state_then for one in offered.alerts} == {first: "acknowledged", second: "raised"}
    with pytest.raises(lifecycle.LifecycleError, match="waits"):
        handover.offer(conn, "sz.yt", new, now(conn))
    with pytest.raises(lifecycle.LifecycleError, match="somebody else"):
        handover.accept(conn, offered.id, old, now(conn))
    lifecycle.act(conn, second, "resolve", old, now(conn), expected_version=1, outcome="test")
    accepted = handover.accept(conn, offered.id, new, now(conn))
    assert accepted.to_name == "admin"
    assert {one.alert_id: one.state_now for one in accepted.alerts} == {first: "acknowledged", second: "resolved"}
    last = lifecycle.history(conn, first)[-1]
    assert (last["action"], last["actor"]) == ("take_over", "admin")
    assert lifecycle.history(conn, second)[-1]["action"] == "resolve"
    with pytest.raises(lifecycle.LifecycleError, match="already"):
        handover.accept(conn, offered.id, new, now(conn))
    assert handover.waiting(conn) == []
    with pytest.raises(lifecycle.LifecycleError, match="no area"):
        handover.offer(conn, "nowhere", old, now(conn))


def test_what_was_found_is_kept_and_counted(conn: psycopg.Connection) -> None:
    fall, mistake = raise_one(conn, "a"), raise_one(conn, "b")
    who = actor(conn, "dispatcher")
    Sweeper(conn).sweep()
    found = outcomes.Finding("fall", "fracture", actions=("first_aid",))
    with pytest.raises(lifecycle.LifecycleError):
        lifecycle.act(
            conn, mistake, "resolve", who, now(conn), expected_version=1, outcome="false_resident", finding=found
        )
    lifecycle.act(conn, fall, "arrive", who, now(conn), expected_version=1)
    lifecycle.act(conn, fall, "resolve", who, now(conn), expected_version=2, outcome="hospital", finding=found)
    lifecycle.act(conn, mistake, "resolve", who, now(conn), expected_version=1, outcome="false_resident")
    at = now(conn)
    summary = statistics.summarise(statistics.load_cases(conn, at - dt.timedelta(days=1), at))["emergency"]
    assert summary.outcomes == {"hospital": 1, "false_resident": 1}
    assert summary.injuries == {"fracture": 1, "none": 1}
    assert summary.hospital == {"yes": 1, "no": 1}
    assert summary.actions == {"first_aid": 1, "ambulance": 1}
    assert summary.false_share == 0.5
    assert summary.steps == 2
    assert statistics.load_cases(conn, at - dt.timedelta(days=1), at, under="sz.yt.ms") == []


def test_warnings_of_the_night_come_once_and_go(conn: psycopg.Connection) -> None:
    at = now(conn)
    until = at + dt.timedelta(hours=12)
    assert [one.place for one in holes.look(conn, at, until)] == ["地sz.yt.ms.dm.c2"] or not holes.look(conn, at, until)
    conn.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, reason)"
        " SELECT id, 'absent', %s, %s, '病假' FROM staff",
        (at + dt.timedelta(hours=2), at + dt.timedelta(hours=4)),
    )
    found = holes.look(conn, at, until)
    assert found
    assert len(holes.record(conn, found, at)) == len(found)
    assert holes.record(conn, holes.look(conn, at + SECOND, until), at) == [], "known already"
    assert any("病假" in zh for zh, _ in holes.warnings(conn, at))
    conn.execute("DELETE FROM roster_exception")
    assert holes.record(conn, holes.look(conn, at, until), at) == []
    assert not any("病假" in zh for zh, _ in holes.warnings(conn, at))


def run(url: str, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["dispatch", *arguments, "--url", url])
    assert done.exit_code == status, done.output
    return done.output


def test_the_commands(conn: psycopg.Connection, database_url: str, tmp_path: Path) -> None:
    alert = raise_one(conn)
    Sweeper(conn).sweep()
    assert "未结预警 open alerts: 1" in run(database_url, "status", status=1), "nobody climbs"
    assert "emergency" in run(database_url, "policies")
    file = tmp_path / "policies.toml"
    file.write_text(
        '[[policy]]\ncode = "night"\nseverity = "emergency"\nname_zh = "夜间"\nname_en = "Night"\nstarts = 20:00:00\n'
        "ends = 08:00:00\nrepeat_after_s = 60\nacknowledged_s = 120\nresponding_s = 900\n"
        'steps = [{ after_s = 0, targets = [{ to = "on_duty", kinds = ["district_center"] }] }]\n'
    )
    assert "would change: night" in run(database_url, "set-policies", str(file), "--as", "dispatcher", "--dry-run")
    assert "changed: night" in run(database_url, "set-policies", str(file), "--as", "dispatcher")
    assert "night" in {policy.code for policy in store.policies_now(conn)}
    assert "neither" in run(database_url, "set-policies", str(file), "--as", "carer", status=1)
    run(database_url, "drop-policy", "night", "--as", "admin")
    run(database_url, "drop-policy", "night", "--as", "admin", status=1)
    file.write_text('[[policy]]\ncode = "x"\n')
    run(database_url, "set-policies", str(file), "--as", "dispatcher", status=1)
    assert "交班" in run(database_url, "hand-over", "--as", "dispatcher", "--note", "夜里请留意")
    number = handover.waiting(conn)[0].id
    assert "somebody else" in run(database_url, "accept", str(number), "--as", "dispatcher", status=1)
    run(database_url, "accept", str(number), "--as", "admin")
    assert "SOS" not in run(database_url, "report", str(alert), "--as", "dispatcher")
    run(database_url, "report", "00000000-0000-0000-0000-000000000000", "--as", "dispatcher", status=1)
    assert json.loads(run(database_url, "statistics", "--json"))["all"]["alerts"] == 1
    assert "60 s" in run(database_url, "statistics")
    conn.execute("DELETE FROM roster")
    assert "无人" in run(database_url, "holes", status=1)


def test_the_desk_over_http(conn: psycopg.Connection, database_url: str) -> None:
    alert = raise_one(conn)
    for number in range(5):
        raise_one(conn, f"more-{number}")
    at = now(conn)
    holes.record(conn, [holes.Warned("鹏湾", ("x",), at, at + dt.timedelta(hours=1), "今晚无人", "nobody tonight")], at)
    with console(database_url, None, None) as client:
        form = {"login": "dispatcher", "password": "three words together"}
        assert client.post("/login", data=form).status_code == 303
        page = client.get("/queue")
        assert "今晚无人" in page.text
        assert "1 户同类预警 6 条" in page.text
        call = {"kind": "resident", "key": "R1", "started_at": at.isoformat(), "ended_at": at.isoformat()}
        done = client.post(f"/api/alerts/{alert}/calls", json={**call, "result": "no_answer"})
        assert (done.status_code, done.json()[0]["called_key"]) == (200, "R1")
        assert client.post(f"/api/alerts/{alert}/calls", json={**call, "result": "answered"}).status_code == 409
        offered = client.post("/api/handovers", json={"note": "x"})
        assert len(offered.json()["alerts"]) == 6
        assert client.post(f"/api/handovers/{offered.json()['id']}/accept").status_code == 409
        assert len(client.get("/api/handovers").json()) == 1
        assert client.post("/api/handovers/999/accept").status_code == 404
        body = {"version": 1, "outcome": "helped", "cause": "fall", "injury": "minor", "actions": ["lifted"]}
        assert client.post(f"/api/alerts/{alert}/resolve", json=body).json() == {"state": "resolved"}
    row = conn.execute("SELECT cause, injury, actions FROM alert_finding").fetchone()
    assert row == ("fall", "minor", ["lifted", "visit"])
