"""Synthetic residents with open emergencies: no page, list, statistic or export shows them, and no person is called."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from alerting.tuning.sheet import change
from care_network.access.visible import visible_households, visible_residents
from care_network.records.certificates import expiries
from care_network.records.synthetic import GATEWAY, add_synthetic
from dispatch.alerts import lookup
from dispatch.channels import preferences, recent
from dispatch.channels.notifications import Recipient, enqueue
from dispatch.core.links import create_link_key_file
from dispatch.desk import handover, statistics
from dispatch.escalation import status
from dispatch.escalation.sweeper import Sweeper
from dispatch.sla import report
from tests.support.console import console
from tests.support.ladders import build_duty, raise_one, told
from tests.support.network import account

pytestmark = pytest.mark.integration
DAY = dt.timedelta(days=1)
MARKS = ("PATH-", "合成老人", "synthetic resident", "gw-path", "链路自检，无此地址")


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        add_synthetic(conn, dt.datetime.now(dt.UTC).date())
        for number in range(12):
            raise_one(conn, f"synthetic-{number}", household="PATH-1")
        Sweeper(conn).sweep()
        conn.execute("UPDATE alert SET next_step_at = clock_timestamp() WHERE next_step_at IS NOT NULL")
        Sweeper(conn).sweep()
        yield conn


def test_no_page_and_no_answer_of_the_console_shows_them(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    create_link_key_file(tmp_path / "link.key")
    channels = tmp_path / "channels.toml"
    channels.write_text('[channels.sms]\nadapter = "outbox"\n')
    pages = (
        "/", "/queue", "/residents", "/handovers", "/api/handovers", "/operations", "/orders", "/outbox",
        "/outbox/cards", "/sla", "/api/sla", "/api/alerts", "/parameters",
    )  # fmt: skip
    hidden = (
        "/residents/PATH-1",
        "/pauses/PATH-1",
        "/parameters/home/PATH-1",
        "/api/residents/PATH-1/series?channel=heart_rate",
    )
    number = conn.execute("SELECT id FROM alert WHERE is_synthetic(id) LIMIT 1").fetchone()
    assert number is not None
    with console(database_url, channels, tmp_path / "link.key") as client:
        for login in ("admin", "dispatcher"):
            data = {"login": login, "password": "three words together"}
            assert client.post("/login", data=data).status_code == 303
            for page in pages:
                answer = client.get(page)
                assert answer.status_code in (200, 403), page
                assert not [mark for mark in MARKS if mark in answer.text], page
            for page in (
                *hidden,
                f"/alerts/{number[0]}",
                f"/alerts/{number[0]}/trace",
                f"/alerts/{number[0]}/dispatch",
            ):
                assert client.get(page).status_code in (403, 404), page


def test_no_statistic_counts_them_and_nobody_is_called(conn: psycopg.Connection) -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    assert conn.execute("SELECT count(*) FROM alert WHERE is_synthetic(id)").fetchone() == (12,)
    recipients = "SELECT DISTINCT recipient_kind, recipient_key FROM notification"
    assert conn.execute(recipients).fetchall() == [("service", "path")]
    synthetic = conn.execute("SELECT id FROM alert WHERE is_synthetic(id) LIMIT 1").fetchone()
    assert synthetic is not None
    people = [Recipient("staff", "B1"), Recipient("organisation", "district")]
    asked = enqueue(conn, alert_id=synthetic[0], step=9, round=9, recipients=people, reason="escalation", at=at)
    assert asked == [], "not even where a program asks for it"

    assert statistics.load_cases(conn, at - DAY, at + DAY) == []
    assert report.breaches(conn, at - DAY) == []
    assert report.report(conn, at - DAY, at + DAY, at) == []
    assert status.open_alerts(conn)["emergency"] == 0
    assert status.count_ladders(conn).open == 0
    assert lookup.list_open(conn) == []
    dispatcher = account(conn, "dispatcher")
    assert handover.offer(conn, "sz.yt", dispatcher, at, "test").alerts == ()
    homes = visible_households(conn, dispatcher)
    assert recent.messages(conn, sorted(homes), "zh") == []
    names = conn.execute("SELECT code FROM household WHERE id = ANY(%s) ORDER BY code", (list(homes),)).fetchall()
    assert names == [("H1",), ("H2",)]
    assert len(visible_residents(conn, dispatcher)) == 2

    alert = raise_one(conn)
    Sweeper(conn).sweep()
    assert told(conn, alert), "and people's alerts go on"


def test_they_take_nothing_from_an_account_of_the_whole_district(conn: psycopg.Connection) -> None:
    admin, at = account(conn, "admin"), dt.datetime.now(dt.UTC)
    assert change(conn, admin, "district", "", "sla.share", 95.0, "pilot", at, "test")
    preferences._check_area(conn, admin, Recipient("service", "120"))
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("UPDATE account SET area_path = 'synthetic' WHERE login = 'admin'")


def test_people_are_told_of_the_certificate_of_a_synthetic_gateway(conn: psycopg.Connection) -> None:
    soon = dt.datetime.now(dt.UTC) + 20 * DAY
    conn.execute(
        "UPDATE gateway SET status = jsonb_build_object('certificate_until_us', %s::bigint) WHERE name = %s",
        (int(soon.timestamp() * 1e6), GATEWAY),
    )
    (one,) = expiries(conn)
    assert (one.holder, one.household_id) == (GATEWAY, None), "the platform's home: its people are called"
