"""To whom messages go: preferences, quiet hours, who is on duty instead; the database or an answer in the way."""

import datetime as dt
import threading
import uuid
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from dispatch.alerts import lifecycle
from dispatch.channels.notifications import Page, Recipient, cancel, enqueue
from dispatch.core.history import Actor
from dispatch.core.links import load_link_keys
from shouwang.cli.main import app
from tests.support.databases import TestPostgres
from tests.support.delivery import CARER, Town, delivery, gateway_toml, town
from tests.support.network import open_alert
from tests.support.peers import Answer, http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
ORDER = '[order]\nstaff = ["sms", "voice"]\ncontact = ["sms"]\norganisation = ["sms"]\nservice = ["voice"]\n'
SMS_ONLY = '[order]\nstaff = ["sms"]\n'
SERVICE = '[services.120]\nname_zh = "急救"\nname_en = "ambulance"\nphone = "120"\n'


def prefer(url: str, *arguments: str) -> None:
    done = CliRunner().invoke(app, ["notify", "prefer", *arguments, "--as", "dispatcher", "--url", url])
    assert done.exit_code == 0, done.output


def on_duty_now(city: Town, code: str, organisation: str = "center-1", phone: str = "0755-9") -> None:
    """Another carer, with an extra duty around this moment."""
    city.conn.execute(
        """
        WITH new AS (
            INSERT INTO staff (code, organisation_id, kind, name_zh, name_en, phone)
            SELECT %s, id, 'carer', '秦', 'Qin', %s FROM organisation WHERE code = %s RETURNING id, organisation_id)
        INSERT INTO roster_exception (staff_id, kind, starts_at, ends_at, organisation_id)
        SELECT id, 'extra', now() - INTERVAL '1 h', now() + INTERVAL '5 h', organisation_id FROM new
        """,
        (code, phone, organisation),
    )


def test_preferences_choose_the_channel_the_language_and_the_address(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        prefer(database_url, "staff", "S1", "--channels", "voice,sms", "--language", "en", "--address", "voice=0755-77")
        channels = gateway_toml("sms", peer.url) + gateway_toml("voice", peer.url)
        with delivery(database_url, channels + ORDER, tmp_path):
            city.tell()
            city.wait([("S1", "voice", "sent")])
        assert peer.requests[0].json()["to"] == "0755-77"
        assert "call button pressed" in peer.requests[0].json()["text"]
        for login, key, more, status, words in (
            ("dispatcher", "S1", ("--quiet", "10pm"), 2, "22:00-07:00"),
            ("dispatcher", "S77", (), 1, "no staff 'S77' in your area"),
            ("carer", "S1", (), 1, "may not set preferences"),
            ("nobody", "S1", (), 1, "no active account"),
        ):
            command = ["notify", "prefer", "staff", key, *more, "--as", login, "--url", database_url]
            bad = CliRunner().invoke(app, command)
            assert (bad.exit_code, words in bad.output) == (status, True), bad.output


def test_quiet_hours_hold_what_is_no_emergency_and_the_next_is_told(database_url: str, tmp_path: Path) -> None:
    local = dt.datetime.now(dt.timezone(dt.timedelta(hours=8)))
    around = f"{local - dt.timedelta(hours=2):%H:%M}-{local + dt.timedelta(hours=2):%H:%M}"
    with town(database_url) as city, http_peer() as peer:
        on_duty_now(city, "S9")
        prefer(database_url, "staff", "S1", "--quiet", around)
        with delivery(database_url, gateway_toml("sms", peer.url) + SMS_ONLY, tmp_path):
            city.tell("emergency")
            city.wait([("S1", "sms", "sent")])
            city.tell("urgent")
            city.conn.execute("UPDATE notification SET due_at = now() WHERE message_id IS NULL")
            city.wait([("S1", "sms", "sent"), ("S1", "sms", "waiting"), ("S9", "sms", "sent")])
        query = "SELECT due_at > now() + INTERVAL '1 h' FROM message WHERE state = 'waiting'"
        assert city.conn.execute(query).fetchone() == (True,)


def test_an_organisation_that_can_not_be_reached_has_people_on_duty(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        on_duty_now(city, "S9")
        channels = gateway_toml("sms", peer.url) + gateway_toml("voice", peer.url)
        with delivery(database_url, channels + ORDER + SERVICE, tmp_path):
            city.tell(recipients=[Recipient("organisation", "center-1"), Recipient("service", "120")])
            city.wait([("120", "voice", "sent"), ("S9", "sms", "sent")])
        told = dict(city.notifications())
        assert told == {"center-1": "failed", "120": "sent", "S9": "sent"}


def test_an_alert_that_was_closed_meanwhile_is_not_told(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        alert = city.tell()
        now = dt.datetime.now(dt.UTC)
        actor = Actor(None, "周敏")
        lifecycle.act(city.conn, alert, "resolve", actor, now, expected_version=1, outcome="test")
        with delivery(database_url, gateway_toml("sms", peer.url) + SMS_ONLY, tmp_path):
            wait_for(lambda: city.notifications() == [("S1", "withdrawn")], 30, lambda: str(city.notifications()))
        assert peer.requests == []


def test_a_link_may_lead_to_a_page_of_its_own(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        alert = uuid.UUID(open_alert(city.conn, "R1", "H1"))
        now = dt.datetime.now(dt.UTC)
        for order in ("o1", "o2"):
            enqueue(
                city.conn, alert_id=alert, step=1, round=int(order[1]), recipients=[CARER], reason="work_order", at=now,
                page=Page("/w", "work_order", order),
            )  # fmt: skip
        with delivery(database_url, gateway_toml("sms", peer.url) + SMS_ONLY, tmp_path):
            city.wait([("S1", "sms", "sent")] * 2)
        token = peer.requests[0].json()["text"].rpartition("http://console.test/w/")[2]
        link = load_link_keys(tmp_path / "link.key").read(token, "work_order", now)
        assert (link.subject[0], link.person) == ("o", "staff:S1")


def test_the_database_goes_away_and_comes_back(postgres: TestPostgres, tmp_path: Path) -> None:
    with http_peer() as peer:
        with town(postgres.url) as city:
            on_duty_now(city, "S9")
        channels = gateway_toml("sms", peer.url) + SMS_ONLY
        with delivery(postgres.url, channels, tmp_path):
            postgres.kill()
            postgres.start()
            with psycopg.connect(postgres.url, autocommit=True) as conn:
                alert = uuid.UUID(open_alert(conn, "R1", "H1"))
                enqueue(
                    conn, alert_id=alert, step=1, round=0, recipients=[CARER], reason="escalation",
                    at=dt.datetime.now(dt.UTC),
                )  # fmt: skip
                wait_for(
                    lambda: conn.execute("SELECT state FROM message").fetchall() == [("sent",)],
                    30,
                    lambda: str(conn.execute("SELECT state FROM message").fetchall()),
                )


def test_answers_and_sending_at_once_do_not_lock_each_other_up(database_url: str, tmp_path: Path) -> None:
    """Forty alerts are acknowledged at the console while they are sent, refused and passed on."""
    with town(database_url) as city, http_peer() as peer:
        peer.answer = lambda request: Answer(200, {"code": 0 if request.path == "/voice" else 3})
        channels = gateway_toml("sms", peer.url, "workers = 4") + gateway_toml("voice", peer.url)
        errors: list[Exception] = []

        def acknowledge(alerts: list[uuid.UUID]) -> None:
            actor = Actor(None, "周敏")
            with psycopg.connect(database_url, autocommit=True) as conn:
                for alert in alerts:
                    try:
                        with conn.transaction():
                            now = dt.datetime.now(dt.UTC)
                            lifecycle.act(conn, alert, "acknowledge", actor, now, expected_version=1)
                            cancel(conn, alert, now)
                    except psycopg.Error as error:
                        errors.append(error)

        with delivery(database_url, channels + ORDER + SERVICE + "[rate]\nmessages = 1000\n", tmp_path):
            alerts: list[uuid.UUID] = []
            threads = []
            for _ in range(4):
                part: list[uuid.UUID] = [city.tell() for _ in range(10)]
                alerts += part
                threads.append(threading.Thread(target=acknowledge, args=(part,)))
                threads[-1].start()
            for thread in threads:
                thread.join(30)

            def settled() -> bool:
                return {state for _, state in city.notifications()} <= {"sent", "withdrawn"}

            wait_for(settled, 30, lambda: str(city.notifications()))
        assert errors == []
        row = city.conn.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
        assert row == (0,)
