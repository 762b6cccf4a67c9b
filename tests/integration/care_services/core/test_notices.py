"""Notices: told once, one message of a morning for all that is due but what asks for an answer, nothing at night, and
how each went is known."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from care_services.core import notice_round, notices
from care_services.core.notices import SignedPage
from shouwang.cli.main import app
from shouwang.sweeping.alerts import Alerts
from tests.support.delivery import delivery, gateway_toml, town
from tests.support.network import account
from tests.support.peers import http_peer
from tests.support.services import wait_for
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
NOON = dt.datetime(2026, 11, 2, 12, tzinfo=SHANGHAI)
MORNING = NOON + dt.timedelta(hours=21)
POST = Alerts()


def tell(conn: psycopg.Connection, to: notices.To, key: str, kind: str = "certificate_ends", **more: object) -> bool:
    return notices.tell(
        conn, to=to, kind=kind, key=key, zh=f"血压计 {key}", en=f"cuff {key}", due=NOON, now=NOON, **more
    )  # type: ignore[arg-type]


def states(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT key || coalesce(nullif('!' || why, '!'), ''), state FROM care_notice").fetchall())


def test_from_the_reason_to_the_telephone(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        conn = city.conn
        silent = city.contact("0755-77", 1, consent=False)
        conn.execute(
            "INSERT INTO time_volunteer (name_zh, name_en, sex, born_on, phone, belongs_to, area_id, applied_at)"
            " SELECT '孙', 'Sun', 'male', '1960-01-01', '0755-88', 'x', id, now() FROM area LIMIT 1"
        )
        carer = notices.to_staff("S1")
        assert tell(conn, carer, "a")
        assert tell(conn, notices.to_account(account(conn, "carer").id), "b"), "the same person, by the account"
        assert not tell(conn, carer, "a"), "never twice"
        assert not tell(conn, notices.to_account(account(conn, "carer").id), "a")
        assert not tell(conn, notices.to_staff("S99"), "c"), "nobody of that code"
        assert tell(conn, notices.To("contact", silent), "d")
        assert tell(conn, carer, "e")
        assert tell(
            conn, notices.to_volunteer("V00001"), "f", "volunteer_help", link=SignedPage("/help", "time_help", "7")
        )
        assert tell(conn, notices.to_volunteer("V00001"), "h", "volunteer_word"), "reminders beside what asks"
        assert tell(conn, notices.to_volunteer("V00001"), "i", "volunteer_round")
        assert tell(conn, notices.to_volunteer("V00001"), "k", "volunteer_help", link="/time-bank")
        with pytest.raises(ValueError, match="no kind"):
            tell(conn, carer, "g", "birthday")
        assert notices.withdraw(conn, "certificate_ends", ["e", "nothing"]) == 1
        night = NOON + dt.timedelta(hours=11)
        assert notice_round.look(conn, night, POST) == 0, "nothing at night"
        assert notice_round.look(conn, MORNING, POST) == 7
        assert notice_round.look(conn, MORNING, POST) == 0
        assert states(conn) == {"a": "handed", "b": "handed", "d!no_consent": "withdrawn", "e!over": "withdrawn",
                                "f": "handed", "h": "handed", "i": "handed", "k": "handed"}  # fmt: skip
        bundles = conn.execute(
            "SELECT array_agg(key ORDER BY key) FROM care_notice WHERE state = 'handed' GROUP BY digest_id"
        ).fetchall()
        assert sorted(keys for (keys,) in bundles) == [["a", "b"], ["f"], ["h", "i"], ["k"]]
        with delivery(
            database_url, gateway_toml("voice", peer.url, 'form = "spoken"') + gateway_toml("sms", peer.url)
            + '[order]\nstaff = ["voice", "sms"]\ncontact = ["sms"]\n', tmp_path,
        ):  # fmt: skip
            wait_for(lambda: [state for *_, state in city.messages()] == ["sent"] * 4, 15, lambda: str(city.messages()))
        sent: dict[str, set[str]] = {}
        for one in peer.requests:
            sent.setdefault(one.json()["to"], set()).add(one.json()["text"])
        assert {one.path for one in peer.requests} == {"/sms"}, "nobody is rung up"
        assert sent.keys() == {"0755-00001", "0755-88"}
        assert "血压计" not in str(sent)
        asked = "【守望】您有 1 条提醒：志愿服务，请打开查看\nhttp://console.test/n/"
        texts = sorted(text[: len(asked)] for text in sent["0755-88"])
        assert texts[:2] == [asked, asked]
        assert texts[2].startswith("【守望】您有 2 条提醒，")
        assert [text[:13] for text in sent["0755-00001"]] == ["【守望】您有 2 条提醒，"]
        notice_round.look(conn, MORNING, POST)
        assert {states(conn)[key] for key in "abfhik"} == {"sent"}


def test_what_is_not_sent_is_not_known_and_tried_again_and_given_up(database_url: str) -> None:
    with town(database_url) as city:
        conn, at = city.conn, MORNING
        tell(conn, notices.to_staff("S1"), "a")
        tell(conn, notices.to_staff("S2"), "b", urgent=True)
        assert notice_round.look(conn, NOON + dt.timedelta(hours=11), POST) == 1, "urgent: at night, too"
        notices.withdraw(conn, "certificate_ends", ["b"])
        notice_round.look(conn, at, POST)
        assert city.notifications() == [("S2", "withdrawn"), ("S1", "waiting")], "taken back before it was sent"
        notice_round.look(conn, at + dt.timedelta(hours=1), POST)
        assert states(conn)["a"] == "unknown", "nobody delivers"
        for _ in range(3):
            conn.execute("UPDATE notification SET state = 'failed' WHERE state = 'waiting'")
            notice_round.look(conn, at, POST)
            at += dt.timedelta(days=1)
            notice_round.look(conn, at, POST)
        assert states(conn) == {"a": "failed", "b!over": "withdrawn"}
        assert len(city.notifications()) == 4, "three tries"
        asked = ["--url", database_url, "--as", "admin"]
        run = CliRunner().invoke
        listed = run(app, ["care", "notices", "list", "--only", "trouble", *asked]).output
        number = listed.split()[0]
        assert "3 mornings failed" in listed
        told = run(app, ["care", "notices", "why", number, *asked]).output
        assert "no channel has tried" in told
        assert run(app, ["care", "notices", "again", number, *asked]).output == "1 queued again\n"
        waiting = run(app, ["care", "notices", "waiting", *asked]).output
        assert "waiting: 1" in waiting
        assert "the round that sends stands still" in waiting
        nothing = run(app, ["care", "notices", "again", number, *asked])
        assert (nothing.exit_code, "none of them waits" in nothing.output) == (1, True), "it waits already"
        assert notice_round.look(conn, at + dt.timedelta(days=400), POST) >= 1
