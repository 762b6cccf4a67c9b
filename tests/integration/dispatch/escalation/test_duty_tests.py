"""The people of a shift are asked an hour before it; who does not answer becomes a hole, and an answer mends it."""

import datetime as dt
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from database.rights.grants import SERVICES
from database.rights.roles import create_roles, renew_grants, role_of
from dispatch.channels import planner, recent
from dispatch.escalation import duty_tests, duty_warnings, holes
from shouwang.cli.main import app
from tests.support.console import console
from tests.support.delivery import delivery, gateway_toml
from tests.support.ladders import BEDS, CENTER, DISTRICT, build_duty
from tests.support.peers import http_peer
from tests.support.services import WorkerProcess, wait_for

pytestmark = pytest.mark.integration
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
SMS = '[order]\nstaff = ["sms"]\norganisation = ["sms"]\n'


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        conn.execute("DELETE FROM roster")
        conn.execute(
            "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone)"
            " SELECT 'B2', id, 'carer', '员B2', 'Person B2', '0755-00099' FROM organisation WHERE code = %s",
            (BEDS,),
        )
        conn.execute(
            "INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone, account_id)"
            " SELECT 'M1', o.id, 'manager', '某', 'X', '0755-7', a.id FROM organisation o, account a"
            " WHERE o.code = %s AND a.login = 'admin-hs'",
            (BEDS,),
        )
        yield conn


def on_duty(conn: psycopg.Connection, staff: str, starts: dt.datetime, hours: float = 8, post: str = BEDS) -> None:
    conn.execute(
        "INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, organisation_id)"
        " SELECT s.id, 'extra', %s, %s, o.id FROM staff s, organisation o WHERE s.code = %s AND o.code = %s",
        (starts, starts + hours * HOUR, staff, post),
    )


def silent_ones(conn: psycopg.Connection, at: dt.datetime) -> list[holes.DutyWarning]:
    """The holes of a look as the dispatch service's at that moment, which are stored and told."""
    until = at + 18 * HOUR
    found = holes.load(conn, at, until)
    duty_warnings.record(conn, found, at, until)
    return [one for one in found if one.silent]


def told(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return conn.execute(
        "SELECT recipient_key, state FROM notification n JOIN duty_warning w ON w.id = n.warning_id"
        " WHERE w.silent ORDER BY n.id"
    ).fetchall()


def test_many_processes_ask_each_person_once(conn: psycopg.Connection, database_url: str) -> None:
    now = dt.datetime.now(dt.UTC)
    for staff in ("B1", "B2", "C1", "D1"):
        on_duty(conn, staff, now + 50 * MINUTE)
    start, counts = threading.Barrier(4), []

    def worker() -> None:
        with psycopg.connect(database_url, autocommit=True) as mine:
            start.wait(20)
            counts.extend(duty_tests.ask(mine, now + second * dt.timedelta(seconds=1))[0] for second in range(5))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(counts) == 4
    rows = conn.execute("SELECT recipient_key FROM notification WHERE reason = 'duty_test' ORDER BY 1").fetchall()
    assert rows == [("B1",), ("B2",), ("C1",), ("D1",)]


def test_one_warning_for_each_post_and_shift_names_the_silent(conn: psycopg.Connection) -> None:
    eight = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    for staff, post in (("B1", BEDS), ("B2", BEDS), ("C1", CENTER), ("D1", DISTRICT)):
        on_duty(conn, staff, eight, post=post)
    assert duty_tests.ask(conn, eight - 61 * MINUTE) == (0, frozenset())
    assert duty_tests.ask(conn, eight - 60 * MINUTE)[0] == 4
    conn.execute(
        "UPDATE duty_test SET answered_at = %s FROM staff s WHERE s.id = staff_id AND code = 'D1'",
        (eight - 50 * MINUTE,),
    )
    assert silent_ones(conn, eight - 31 * MINUTE) == []
    at = eight - 30 * MINUTE
    assert len(duty_tests.ask(conn, at)[1]) == 3
    found = {one.posts: one for one in silent_ones(conn, at)}
    assert set(found) == {(BEDS,), (CENTER,)}
    beds = found[(BEDS,)]
    assert beds.text_zh == (
        "床位小组：11-02 08:00 至 11-02 16:00 值班的员B1、员B2未应答班前测试（另无他人值班）。请致电确认或安排替班。"
    )
    assert "Person B1, Person B2" in beds.text_en
    assert ("M1", "waiting") in told(conn)
    before = told(conn)
    silent_ones(conn, eight)
    assert told(conn) == before, "told once"

    conn.execute("UPDATE duty_test t SET answered_at = now() FROM staff s WHERE s.id = staff_id AND code = 'B1'")
    (one,) = (one for one in silent_ones(conn, eight) if one.posts == (BEDS,))
    assert "员B2未应答班前测试（另有 1 人值班）" in one.text_zh
    conn.execute("UPDATE duty_test t SET answered_at = now()")
    assert silent_ones(conn, eight) == []
    assert {state for _, state in told(conn)} == {"withdrawn"}


def test_nobody_answers_in_anothers_place(conn: psycopg.Connection) -> None:
    now = dt.datetime.now(dt.UTC)
    on_duty(conn, "B1", now + 50 * MINUTE)
    duty_tests.ask(conn, now)
    row = conn.execute("SELECT id FROM notification WHERE reason = 'duty_test'").fetchone()
    assert row is not None
    planner.give_up(conn, [row[0]], now)
    rows = conn.execute("SELECT recipient_key, state FROM notification WHERE reason = 'duty_test'").fetchall()
    assert rows == [("B1", "failed")]


def test_two_processes_ask_tell_the_silent_and_take_it_back_at_a_tap(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    """One of them is killed on the way."""
    on_duty(conn, "B1", dt.datetime.now(dt.UTC) + 50 * MINUTE)
    conn.execute(  # quiet hours all day and night: they hold a hole in the roster, and no test
        "INSERT INTO notification_preference (recipient_kind, recipient_key, quiet_from, quiet_until)"
        " VALUES ('staff', 'B1', '00:00', '23:59:59.999999')"
    )
    often = {"SHOUWANG_DISPATCH_HOLES_EVERY_S": "5"}
    first, second = (
        WorkerProcess("dispatch.escalation", tmp_path, name, database_url, **often) for name in ("first", "second")
    )
    with http_peer() as peer, delivery(database_url, gateway_toml("sms", peer.url) + SMS, tmp_path):

        def asked() -> list[str]:  # a manager is told of the holes in the roster, too
            texts = [request.json()["text"] for request in peer.requests]
            return [text for text in texts if "开始值班" in text]

        try:
            first.start()
            second.start()
            wait_for(lambda: bool(asked()), 60, second.log)  # three programs start
            first.kill()
            text = asked()[0]
            assert "在床位小组开始值班" in text
            link = re.search(r"http://console\.test(/a/\S+)", text)
            assert link, text
            conn.execute("UPDATE duty_test SET asked_at = asked_at - INTERVAL '1 hour'")
            conn.execute("UPDATE roster_exception SET starts_at = starts_at - INTERVAL '25 minutes'")
            conn.execute("UPDATE duty_test SET starts_at = starts_at - INTERVAL '25 minutes'")
            wait_for(lambda: any(who == "M1" for who, _ in told(conn)), 30, second.log)
            with console(database_url, None, tmp_path / "link.key") as client:
                page = client.get(link.group(1))
                assert "床位小组" in page.text
                assert conn.execute("SELECT answered_at FROM duty_test").fetchone() == (None,), "a look is no answer"
                assert "已记录" in client.post(link.group(1), follow_redirects=True).text
                assert client.post(link.group(1)).status_code == 410
            open_ones = "SELECT FROM duty_warning WHERE silent AND gone_at IS NULL"
            wait_for(lambda: conn.execute(open_ones).rowcount == 0, 30, second.log)
        finally:
            first.stop()
            second.stop()
    assert conn.execute("SELECT count(*) FROM duty_test").fetchone() == (1,)
    assert len(asked()) == 1
    everywhere = [row[0] for row in conn.execute("SELECT id FROM household")]
    assert any(row["reason"] == "duty_test" for row in recent.messages(conn, everywhere, "zh"))
    assert not any(row["reason"] == "duty_test" for row in recent.messages(conn, [], "zh"))


def test_the_command_shows_who_has_answered_and_takes_an_answer_by_telephone(
    conn: psycopg.Connection, database_url: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    on_duty(conn, "B1", now + 20 * MINUTE)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["dispatch", *arguments, "--as", "dispatcher", "--url", database_url])
        return done.exit_code, done.output

    assert run("duty-tests") == (0, "没有班前测试 nobody was asked\n")
    duty_tests.ask(conn, now)
    assert run("duty-tests")[0] == 0
    conn.execute("UPDATE duty_test SET asked_at = asked_at - INTERVAL '20 minutes'")
    assert run("duty-tests")[0] == 1
    assert run("present", "nobody")[0] != 0
    assert run("present", "B1")[0] == 0
    assert run("duty-tests")[0] == 0
    assert conn.execute("SELECT count(*) FROM audit WHERE action = 'answer_duty_test'").fetchone() == (1,)
    assert silent_ones(conn, now + 10 * MINUTE) == []


def test_tests_of_a_month_ago_go_with_their_messages(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    now = dt.datetime.now(dt.UTC)
    for staff in ("B1", "B2"):
        on_duty(conn, staff, now + 50 * MINUTE)
    duty_tests.ask(conn, now)
    with http_peer() as peer, delivery(database_url, gateway_toml("sms", peer.url) + SMS, tmp_path):
        sent = "SELECT FROM message WHERE state = 'sent'"
        wait_for(lambda: conn.execute(sent).rowcount == 2, 20, lambda: "not sent")
    duty_tests.drop_old(conn)
    assert conn.execute("SELECT count(*) FROM message").fetchone() == (2,)
    conn.execute(
        "UPDATE duty_test SET starts_at = starts_at - INTERVAL '31 days' WHERE id = (SELECT min(id) FROM duty_test)"
    )
    duty_tests.drop_old(conn)
    for table in ("duty_test", "message", "notification", "delivery_attempt"):
        assert conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (1,), table


def test_the_roles_of_the_services_may_do_their_part(conn: psycopg.Connection) -> None:
    create_roles(conn, dict.fromkeys(SERVICES, "a-password-of-services"))
    assert renew_grants(conn)
    now = dt.datetime.now(dt.UTC)
    on_duty(conn, "B1", now + 20 * MINUTE)

    def of(service: str) -> psycopg.Connection:
        url = f"postgresql://{role_of(service)}:a-password-of-services@{conn.info.host}:{conn.info.port}/{conn.info.dbname}"
        return psycopg.connect(url, autocommit=True)

    with of("dispatch") as dispatch:
        assert duty_tests.ask(dispatch, now)[0] == 1
        assert len(silent_ones(dispatch, now + 15 * MINUTE)) == 1
        duty_tests.drop_old(dispatch)
    with of("notify") as notify:
        assert planner._waiting_tests(notify)
    with of("links") as links:
        assert links.execute("UPDATE duty_test SET answered_at = coalesce(answered_at, now())").rowcount == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            links.execute("UPDATE duty_test SET asked_at = now()")
