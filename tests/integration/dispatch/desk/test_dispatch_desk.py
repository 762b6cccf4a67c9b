"""What a dispatcher records and reads: calls in seconds, hand-over, findings, statistics, the commands."""

import datetime as dt
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from care_network.access.accounts import Account
from care_network.errors import NotFoundError, NotPermittedError
from care_network.medical.keyring import create_key_file
from care_network.medical.notes import MedicalNote, add_note
from dispatch.alerts import lifecycle, outcomes
from dispatch.alerts.states import LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.desk import calls, handover, statistics
from dispatch.escalation import duty_warnings, holes
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders import store
from dispatch.ladders.policy import FamilyTarget, Step
from dispatch.sla import clock as sla
from dispatch.sla import report as sla_store
from shouwang.cli.main import app
from tests.support.console import console
from tests.support.ladders import C1, build_duty, ladder, raise_one, use
from tests.support.network import account
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        use(conn, ladder((0, 30, 30)))
        yield conn


def actor(conn: psycopg.Connection, login: str) -> Actor:
    row = conn.execute("SELECT id FROM account WHERE login = %s", (login,)).fetchone()
    assert row is not None
    return Actor(row[0], login, "test")


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
    calls.record(
        conn,
        alert,
        calls.CallAttempt(
            kind="resident", key="R1", started_at=begin, ended_at=begin + 20 * SECOND, result="no_answer"
        ),
        who,
        begin + 300 * SECOND,
    )
    assert left(conn) > 50
    again = calls.CallAttempt(
        kind="contact",
        key="R1/0755-00081",
        started_at=begin + 30 * SECOND,
        ended_at=begin + 90 * SECOND,
        result="answered",
        answered_at=begin + 34 * SECOND,
    )
    number = calls.record(conn, alert, again, who, begin + 300 * SECOND)
    assert calls.record(conn, alert, again, who, begin + 300 * SECOND) == number, "sent again, and one call"
    report = calls.report(conn, alert)
    assert report is not None
    assert [(one.result, round(one.rang_s), round(one.talked_s)) for one in report.attempts] == [
        ("no_answer", 20, 0), ("answered", 4, 56),
    ]  # fmt: skip
    assert 4 < report.attempts[0].after_s < 8
    assert report.responder == "dispatcher"
    (story,) = sla_store.stories(conn, raised - 60 * SECOND, raised + 60 * SECOND)
    assert sla.measure(story, "contacted", raised + 90 * SECOND).elapsed_s is None, "not the family: the resident"
    talk = calls.CallAttempt(
        kind="resident",
        key="R1",
        started_at=begin + 95 * SECOND,
        ended_at=begin + 99 * SECOND,
        result="answered",
        answered_at=begin + 97 * SECOND,
    )
    calls.record(conn, alert, talk, who, begin + 300 * SECOND)
    (story,) = sla_store.stories(conn, raised - 60 * SECOND, raised + 60 * SECOND)
    assert sla.measure(story, "contacted", raised + 200 * SECOND).verdict == "met"
    assert report.response_s is not None
    assert report.response_s < 60
    for bad in (
        calls.CallAttempt(kind="resident", key="R1", started_at=begin, ended_at=begin - SECOND, result="busy"),
        calls.CallAttempt(kind="resident", key="R1", started_at=begin, ended_at=begin, result="answered"),
        calls.CallAttempt(kind="resident", key=" ", started_at=begin, ended_at=begin, result="busy"),
        calls.CallAttempt(kind="resident", key="R2", started_at=begin, ended_at=begin, result="busy"),
        calls.CallAttempt(kind="contact", key="R1/1-1", started_at=begin, ended_at=begin, result="busy"),
        calls.CallAttempt(kind="resident", key="R1", started_at=begin, ended_at=begin + 450 * SECOND, result="busy"),
        calls.CallAttempt(
            kind="resident", key="R1", started_at=dt.datetime(1, 1, 1, tzinfo=dt.UTC), ended_at=begin, result="busy"
        ),
    ):
        with pytest.raises(LifecycleError):
            calls.record(conn, alert, bad, who, begin + 300 * SECOND)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        conn.execute("DELETE FROM call_attempt")


def another_dispatcher(conn: psycopg.Connection, login: str = "late", area: str = "sz.yt") -> Account:
    """Of the next shift, or of another area; with the password that all have."""
    conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
        " SELECT %s, password_hash, '夜班', 'Late', role, %s::text::ltree FROM account WHERE login = 'dispatcher'",
        (login, area),
    )
    return account(conn, login)


def test_the_next_shift_has_what_is_open(conn: psycopg.Connection) -> None:
    first, second = raise_one(conn, "a"), raise_one(conn, "b")
    old, new, who = account(conn, "dispatcher"), another_dispatcher(conn), actor(conn, "dispatcher")
    lifecycle.act(conn, first, "acknowledge", who, now(conn), expected_version=1)
    offered = handover.offer(conn, "sz.yt", old, now(conn), "test", "R1 的女儿晚上回电")
    assert {one.alert_id: one.state_then for one in offered.alerts} == {first: "acknowledged", second: "raised"}
    with pytest.raises(LifecycleError, match="waits"):
        handover.offer(conn, "sz.yt", new, now(conn), "test")
    with pytest.raises(LifecycleError, match="somebody else"):
        handover.accept(conn, offered.id, old, now(conn), "test")
    lifecycle.act(conn, second, "resolve", who, now(conn), expected_version=1, outcome="test")
    accepted = handover.accept(conn, offered.id, new, now(conn), "test")
    assert accepted.to_name == "夜班"
    assert {one.alert_id: one.state_now for one in accepted.alerts} == {first: "acknowledged", second: "resolved"}
    last = history.events_of(conn, first)[-1]
    assert (last["action"], last["actor"], last["origin"]) == ("take_over", "夜班", "test")
    assert history.events_of(conn, second)[-1]["action"] == "resolve"
    with pytest.raises(LifecycleError, match="already"):
        handover.accept(conn, offered.id, new, now(conn), "test")
    assert handover.waiting(conn) == []
    with pytest.raises(LifecycleError, match="no area"):
        handover.offer(conn, "sz.yt.nowhere", old, now(conn), "test")


@pytest.mark.parametrize("login", ["carer", "admin", "daughter"])
def test_only_dispatchers_hand_over(conn: psycopg.Connection, login: str) -> None:
    offered = handover.offer(conn, "sz.yt", account(conn, "dispatcher"), now(conn), "test")
    who = account(conn, login)
    for step in (
        lambda: handover.offer(conn, "sz.yt.hs", who, now(conn), "test"),
        lambda: handover.accept(conn, offered.id, who, now(conn), "test"),
        lambda: handover.withdraw(conn, offered.id, who, now(conn), "test"),
    ):
        with pytest.raises(NotPermittedError, match="may not hand over"):
            step()
    assert [one.id for one in handover.waiting(conn)] == [offered.id]
    assert conn.execute("SELECT count(*) FROM handover").fetchone() == (1,)


def test_nobody_hands_over_another_area(conn: psycopg.Connection) -> None:
    offered = handover.offer(conn, "sz.yt", account(conn, "dispatcher"), now(conn), "test")
    street, other = another_dispatcher(conn, "street", "sz.yt.hs"), another_dispatcher(conn, "other", "sz.yt.ms")
    for who in (street, other):
        with pytest.raises(NotPermittedError, match=r"sz\.yt is not there"):
            handover.offer(conn, "sz.yt", who, now(conn), "test")
        for step in (handover.accept, handover.withdraw):
            with pytest.raises(NotFoundError, match="in your area"):
                step(conn, offered.id, who, now(conn), "test")
    with pytest.raises(NotPermittedError):
        handover.offer(conn, "sz.yt.hs", other, now(conn), "test")
    mine = handover.offer(conn, "sz.yt.hs", street, now(conn), "test")
    assert [one.id for one in handover.waiting(conn, "sz.yt.hs")] == [mine.id]
    assert [one.id for one in handover.waiting(conn, "sz.yt")] == [offered.id, mine.id]


def test_an_offer_is_audited_with_its_origin_and_a_refused_one_is_not(conn: psycopg.Connection) -> None:
    desk, at = account(conn, "dispatcher"), now(conn)
    offered = handover.offer(conn, "sz.yt", desk, at, "console 127.0.0.1")
    with pytest.raises(LifecycleError, match="waits"):
        handover.offer(conn, "sz.yt", desk, at, "console 127.0.0.1")
    rows = conn.execute("SELECT at, account_id, origin, detail FROM audit WHERE action = 'offer_handover'").fetchall()
    assert rows == [(at, desk.id, "console 127.0.0.1", {"handover": offered.id, "area": "sz.yt"})]


def test_an_offer_is_taken_back_or_accepted_and_never_both(conn: psycopg.Connection, database_url: str) -> None:
    alert = raise_one(conn)
    desk, late = account(conn, "dispatcher"), another_dispatcher(conn)
    first = handover.offer(conn, "sz.yt", desk, now(conn), "test")
    with pytest.raises(LifecycleError, match="only 某, who offered it"):
        handover.withdraw(conn, first.id, late, now(conn), "test")
    assert not handover.withdraw(conn, first.id, desk, now(conn), "test").waits
    for step in (
        lambda: handover.accept(conn, first.id, late, now(conn), "test"),
        lambda: handover.withdraw(conn, first.id, desk, now(conn), "test"),
    ):
        with pytest.raises(LifecycleError, match="took it back at"):
            step()
    assert handover.waiting(conn) == []
    row = conn.execute("SELECT account_id, detail FROM audit WHERE action = 'withdraw_handover'").fetchall()
    assert row == [(desk.id, {"handover": first.id})]
    assert history.events_of(conn, alert)[-1]["action"] == "raise", "nothing has changed hands"

    second = handover.offer(conn, "sz.yt", desk, now(conn), "test")
    said: list[str] = []

    def take_back() -> None:
        with psycopg.connect(database_url, autocommit=True) as mine:
            try:
                handover.withdraw(mine, second.id, desk, now(mine), "test")
            except LifecycleError as error:
                said.append(error.message_zh)

    other = threading.Thread(target=take_back)
    with conn.transaction():
        handover.accept(conn, second.id, late, now(conn), "test")
        other.start()
        wait_for(lambda: _waits_for_a_lock(database_url), 30, lambda: "nobody waits")
    other.join(10)
    assert said
    assert "夜班 已于" in said[0]
    assert history.events_of(conn, alert)[-1]["action"] == "take_over"


def _waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row is not None and row[0] > 0


def test_what_was_found_is_kept_and_counted(conn: psycopg.Connection) -> None:
    fall, mistake = raise_one(conn, "a"), raise_one(conn, "b")
    who = actor(conn, "dispatcher")
    Sweeper(conn).sweep()
    found = outcomes.Particulars("fall", "fracture", actions=("first_aid",))
    with pytest.raises(LifecycleError):
        lifecycle.act(
            conn, mistake, "resolve", who, now(conn), expected_version=1, outcome="false_resident", particulars=found
        )
    lifecycle.act(conn, fall, "arrive", who, now(conn), expected_version=1)
    lifecycle.act(conn, fall, "resolve", who, now(conn), expected_version=2, outcome="hospital", particulars=found)
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


def run(url: str, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["dispatch", *arguments, "--url", url])
    assert done.exit_code == status, done.output
    return done.output


def test_the_commands(conn: psycopg.Connection, database_url: str, tmp_path: Path) -> None:
    alert = raise_one(conn)
    Sweeper(conn).sweep()
    assert "未结预警 open alerts: 1" in run(database_url, "status", "--as", "dispatcher", status=1), "nobody climbs"
    assert "emergency" in run(database_url, "policies", "--as", "dispatcher")
    file = tmp_path / "policies.toml"
    file.write_text(
        '[[policy]]\ncode = "night"\nseverity = "emergency"\nname_zh = "夜间"\nname_en = "Night"\nstarts = 20:00:00\n'
        "ends = 08:00:00\nrepeat_after_s = 60\nacknowledged_s = 120\nresponding_s = 900\n"
        'steps = [{ after_s = 0, targets = [{ to = "on_duty", kinds = ["district_center"] }] }]\n'
    )
    assert "would change: night" in run(database_url, "set-policies", str(file), "--as", "dispatcher", "--dry-run")
    assert "changed: night" in run(database_url, "set-policies", str(file), "--as", "dispatcher")
    assert "night" in {policy.code for policy in store.policies_now(conn)}
    assert "may not set policies" in run(database_url, "set-policies", str(file), "--as", "carer", status=1)
    run(database_url, "drop-policy", "night", "--as", "admin")
    run(database_url, "drop-policy", "night", "--as", "admin", status=1)
    file.write_text('[[policy]]\ncode = "x"\n')
    run(database_url, "set-policies", str(file), "--as", "dispatcher", status=1)
    assert "交班" in run(database_url, "hand-over", "--as", "dispatcher", "--note", "夜里请留意")
    number = handover.waiting(conn)[0].id
    assert "somebody else" in run(database_url, "accept", str(number), "--as", "dispatcher", status=1)
    assert "may not hand over" in run(database_url, "accept", str(number), "--as", "admin", status=1)
    another_dispatcher(conn)
    another_dispatcher(conn, "other", "sz.yt.ms")
    assert "in your area" in run(database_url, "accept", str(number), "--as", "other", status=1)
    assert "only" in run(database_url, "withdraw", str(number), "--as", "late", status=1)
    assert "taken back" in run(database_url, "withdraw", str(number), "--as", "dispatcher")
    run(database_url, "hand-over", "--as", "dispatcher")
    number = handover.waiting(conn)[0].id
    run(database_url, "accept", str(number), "--as", "late")
    assert "SOS" not in run(database_url, "report", str(alert), "--as", "dispatcher")
    run(database_url, "report", "00000000-0000-0000-0000-000000000000", "--as", "dispatcher", status=1)
    assert json.loads(run(database_url, "statistics", "--json", "--as", "dispatcher"))["all"]["alerts"] == 1
    assert "60 s" in run(database_url, "statistics", "--as", "dispatcher")
    conn.execute("DELETE FROM roster")
    assert "无人" in run(database_url, "holes", "--as", "dispatcher", status=1)


@pytest.fixture
def desk(conn: psycopg.Connection, database_url: str, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A dispatcher's browser, with the key of the medical notes."""
    key = tmp_path / "medical.keys"
    add_note(conn, create_key_file(key), "R1", MedicalNote(allergies="青霉素", key_safe_code="1379"), now(conn))
    with console(database_url, None, None, medical_key_file=key) as client:
        log_in(client, "dispatcher")
        yield client


def log_in(client: httpx2.Client, login: str) -> None:
    assert client.post("/login", data={"login": login, "password": "three words together"}).status_code == 303


def test_many_alike_are_one_line_and_one_press(conn: psycopg.Connection, desk: httpx2.Client) -> None:
    alerts = [raise_one(conn, f"{number}") for number in range(6)]
    at = now(conn)
    until = at + dt.timedelta(hours=1)
    tonight, elsewhere = (
        holes.DutyWarning(
            areas=(area,),
            place_zh=name,
            place_en=name,
            posts=("x",),
            starts_at=at,
            ends_at=until,
            text_zh=f"{name}无人",
            text_en="nobody",
        )
        for area, name in ((C1, "今晚"), ("sz", "别处"))
    )
    duty_warnings.record(conn, [tonight, elsewhere], at, until)
    wait_for(lambda: desk.get("/queue").text.count('class="q-link"') == 6, 30, lambda: desk.get("/queue").text)
    page = desk.get("/queue").text
    assert "今晚无人" in page
    assert "别处无人" not in page, "of one's own area only"
    assert "同类预警" not in page, "few emergencies are shown line by line"
    lifecycle.act(conn, alerts[0], "acknowledge", actor(conn, "admin"), at, expected_version=1)
    answer = desk.post("/queue/acknowledge", data={"alerts": [f"{alert} 1" for alert in alerts]})
    assert answer.status_code == 409
    assert "5 条；1 条已被他人更新" in answer.text
    assert conn.execute("SELECT count(*) FROM alert WHERE state = 'raised'").fetchone() == (0,)
    assert desk.post("/queue/acknowledge", data={"alerts": ["nonsense"]}).status_code == 422
    log_in(desk, "carer")
    assert desk.post("/queue/acknowledge", data={"alerts": [f"{raise_one(conn, 'x')} 1"]}).status_code == 303


def test_an_alert_shows_its_ladder_whom_to_call_and_the_note(conn: psycopg.Connection, desk: httpx2.Client) -> None:
    alert = raise_one(conn)
    page = desk.get(f"/alerts/{alert}").text
    assert "距第 1 级呼叫还有" in page
    assert "家庭养老床位团队在班人员" in page
    assert "0755-00081" in page, "the family"
    assert "青霉素" not in page
    Sweeper(conn).sweep()
    told = desk.get(f"/alerts/{alert}/progress").text
    assert "距第 2 级呼叫还有" in told
    assert "待发送" in told
    shown = desk.post(f"/alerts/{alert}/medical-note").text
    assert "青霉素" in shown
    assert "1379" in shown
    looks = conn.execute("SELECT count(*) FROM audit WHERE action = 'view_medical_note'").fetchone()
    assert looks == (1,)
    call = {"kind": "resident", "key": "R1", "started_at": now(conn).isoformat(), "ended_at": now(conn).isoformat()}
    done = desk.post(f"/api/alerts/{alert}/calls", json={**call, "result": "no_answer"})
    assert (done.status_code, done.json()[0]["called_key"]) == (200, "R1")
    assert desk.post(f"/api/alerts/{alert}/calls", json={**call, "result": "answered"}).status_code == 409
    assert "无人接听" in desk.get(f"/alerts/{alert}/progress").text
    form = {"version": 1, "outcome": "helped", "cause": "fall", "injury": "minor", "actions": ["lifted"]}
    assert desk.post(f"/alerts/{alert}/resolve", data={**form, "version": 0}).status_code == 409
    assert desk.post(f"/alerts/{alert}/resolve", data=form).status_code == 303
    row = conn.execute("SELECT cause, injury, actions FROM alert_finding").fetchone()
    assert row == ("fall", "minor", ["lifted", "visit"])
    after = desk.post(f"/alerts/{alert}/medical-note").text
    assert "青霉素" not in after, "the alert is over"
    assert "预警已结束，不再呼叫" in after
    level = desk.get("/sla").text
    assert "属实，已现场帮助" in level
    assert "轻伤" in level
    desk.post("/language/en", headers={"referer": "/"})
    english = desk.get(f"/alerts/{alert}").text
    assert "step 1: " in english
    assert "第 1 级" not in english


def test_the_family_sees_the_history_and_no_telephone_number(conn: psycopg.Connection, desk: httpx2.Client) -> None:
    use(conn, msgspec.structs.replace(ladder((0,)), steps=(Step(0, (FamilyTarget(1, 2),)),)))
    alert = raise_one(conn)
    Sweeper(conn).sweep()
    call = {"kind": "contact", "key": "R1/0755-00081", "result": "no_answer"}
    times = {"started_at": now(conn).isoformat(), "ended_at": now(conn).isoformat()}
    assert desk.post(f"/api/alerts/{alert}/calls", json={**call, **times}).status_code == 200
    assert "0755-00081" in desk.get(f"/alerts/{alert}").text, "the dispatcher calls them"
    conn.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
        " WHERE a.login = 'daughter' AND r.code = 'R1'"
    )
    log_in(desk, "daughter")
    told = [row[0] for row in conn.execute("SELECT recipient_key FROM notification")]
    assert "R1/0755-00081" in told, "it stands where a page could take it from"
    for path in (f"/alerts/{alert}", f"/alerts/{alert}/progress", "/family", "/api/alerts"):
        page = desk.get(path, follow_redirects=True)
        assert page.status_code == (404 if "progress" in path else 200), path
        assert "0755-0008" not in page.text, path
        assert "0755-0009" not in page.text, path


def test_shifts_change_on_the_page(conn: psycopg.Connection, desk: httpx2.Client) -> None:
    alert = raise_one(conn)
    assert "SOS" in desk.get("/handovers").text or "呼叫" in desk.get("/handovers").text
    assert desk.post("/handovers", data={"note": "夜里请留意"}).status_code == 303
    assert "由另一位调度员接班" in desk.get("/handovers").text
    assert "尚未接班" in desk.post("/handovers", data={"note": ""}).text
    (number,) = conn.execute("SELECT id FROM handover").fetchone() or (0,)
    assert "不能接自己的班" in desk.post(f"/handovers/{number}/accept").text
    assert desk.post(f"/handovers/{number}/withdraw").status_code == 303
    assert "已撤回" in desk.get("/handovers").text
    assert "撤回该交班" in desk.post(f"/handovers/{number}/withdraw").text
    assert desk.post("/handovers", data={"note": "夜里请留意"}).status_code == 303
    number += 1
    assert len(desk.get("/api/handovers").json()) == 1
    assert desk.post("/handovers/999/accept").status_code == 404
    another_dispatcher(conn)
    log_in(desk, "late")
    assert desk.post(f"/handovers/{number}/accept").status_code == 303
    last = history.events_of(conn, alert)[-1]
    assert (last["action"], last["actor"], last["actor_en"]) == ("take_over", "夜班", "Late")
    for login, status in (("carer", 403), ("admin", 403), ("other", 404)):
        if login == "other":
            another_dispatcher(conn, "other", "sz.yt.ms")
        log_in(desk, login)
        for path in (f"/handovers/{number}/accept", f"/api/handovers/{number}/withdraw"):
            assert desk.post(path).status_code == status
    log_in(desk, "carer")
    assert desk.get("/handovers").status_code == 403
    assert desk.get("/api/handovers").status_code == 403
    assert desk.post("/handovers", data={"note": ""}).status_code == 403
