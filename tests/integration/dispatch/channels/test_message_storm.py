"""Hundreds of emergencies that nobody takes: one message a minute for each telephone, and nothing is left out."""

import datetime as dt
import itertools
import uuid
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.channels import config
from dispatch.channels.notifications import Recipient, cancel, enqueue
from dispatch.channels.planner import plan
from dispatch.escalation import storms
from tests.support.databases import Cluster
from tests.support.delivery import Town, delivery, gateway_toml, town
from tests.support.peers import http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration

ORDER = '[order]\nstaff = ["sms"]\ncontact = ["sms"]\norganisation = ["sms"]\n'
PUSH_FIRST = '[order]\nstaff = ["push", "sms"]\ncontact = ["sms"]\norganisation = ["sms"]\n'
S1, S2 = Recipient("staff", "S1"), Recipient("staff", "S2")
MANY = 600
LIMIT = 10


def many(city: Town, number: int, recipient: Recipient, *, round: int = 1) -> list[uuid.UUID]:
    """So many open SOS of which this recipient is told, as the ladders' sweeper asks for it."""
    with city.conn.transaction():
        alerts = [
            row[0]
            for row in city.conn.execute(
                """
                INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, state, onset,
                                   sensed_at, received_at, raised_at, reason_zh, reason_en, evidence)
                SELECT gen_random_uuid(), 'sos', 1, 'emergency', 'x', h.id, r.id, 'raised', now(), now(), now(), now(),
                       '心率 147 次/分', 'heart rate 147 /min', '{}'
                FROM household h JOIN resident r ON r.code = 'R1', generate_series(1, %s) WHERE h.code = 'H1'
                RETURNING id
                """,
                (number,),
            )
        ]
        again(city, alerts, recipient, round)
    return alerts


def again(city: Town, alerts: list[uuid.UUID], recipient: Recipient, round: int) -> None:
    for alert in alerts:
        enqueue(
            city.conn, alert_id=alert, step=1, round=round, recipients=[recipient], reason="escalation",
            at=dt.datetime.now(dt.UTC),
        )  # fmt: skip


def in_a_message(city: Town) -> int:
    row = city.conn.execute(
        "SELECT count(DISTINCT alert_id) FROM notification WHERE state IN ('sent', 'delivered')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_six_hundred_open_emergencies_are_a_message_a_turn_and_all_of_them_are_told(
    database_url: str, tmp_path: Path
) -> None:
    with town(database_url) as city, http_peer() as peer:
        city.conn.execute("UPDATE staff SET phone = '138' WHERE code = 'S2'")
        channels = gateway_toml("sms", peer.url) + ORDER + "[ceiling]\nseconds = 2\n"
        with delivery(database_url, channels, tmp_path):
            alerts = many(city, MANY, S1)
            wait_for(lambda: in_a_message(city) == MANY, 30, lambda: str(in_a_message(city)))
            again(city, alerts, S1, 2)  # the ladders go round
            other = many(city, 1, S2)  # somebody else is told at once, by a message of its own
            wait_for(lambda: in_a_message(city) == MANY + 1, 30, lambda: str(in_a_message(city)))
            wait_for(lambda: not city.conn.execute(
                "SELECT FROM notification WHERE state = 'waiting'").fetchall(), 30, lambda: "second round")  # fmt: skip
        texts = [request.json() for request in peer.requests]
        mine = [one["text"] for one in texts if one["to"] == "0755-00001"]
        assert len(mine) >= 2
        assert all(part in mine[-1] for part in ("600 条未结", "陈先生", "http://console.test/a/"))
        assert all(len(text) < 400 for text in mine)
        assert not [text for text in mine if "147" in text.split("http")[0]], "the link is random letters and digits"
        assert ["按了呼叫按钮" in one["text"] or "紧急预警" in one["text"] for one in texts if one["to"] == "138"] == [
            True
        ]
        at = [
            row[0]
            for row in city.conn.execute(
                "SELECT created_at FROM message WHERE recipient_key = 'S1' ORDER BY created_at"
            )
        ]
        assert len(at) == len(mine), "a message for each turn of 2 s, however many turns a busy machine needs"
        assert all(b - a >= dt.timedelta(seconds=2) for a, b in itertools.pairwise(at))
        assert other
        with psycopg.connect(database_url, autocommit=True) as conn:
            storms.watch(conn)
            storms.watch(conn)
            told = conn.execute("SELECT severity, state, reason_zh FROM alert WHERE rule = 'message_storm'").fetchall()
            assert [row[:2] for row in told] == [("technical", "raised")]
            assert "一人最多有 600 条未结" in told[0][2]
            conn.execute("UPDATE message SET created_at = created_at - interval '1 hour'")
            storms.watch(conn)
            assert conn.execute("SELECT state FROM alert WHERE rule = 'message_storm'").fetchall() == [("cleared",)]


@settings(max_examples=5)
@given(
    arrivals=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 12), st.booleans()), min_size=3, max_size=8),
    rounds=st.integers(1, 3),
)
def test_every_open_alert_is_in_a_message_within_a_minute_and_beyond_the_limit_there_is_one_a_minute(
    database_cluster: Cluster, arrivals: list[tuple[int, int, bool]], rounds: int
) -> None:
    """``arrivals``: second, number of alerts, and whether the second person is told. Time is the planner's own."""
    channels = config.parse(gateway_toml("sms", "http://127.0.0.1:1") + ORDER, {})
    with database_cluster.fresh_database() as url, town(url) as city:
        begin = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
        asked: list[tuple[int, Recipient, uuid.UUID]] = []
        for second in range(0, 90 + 60 * rounds, 5):
            for at, number, second_person in arrivals:
                recipient = S2 if second_person else S1
                if second - 5 < at <= second:
                    asked += [(second, recipient, alert) for alert in many(city, number, recipient)]
            for begun, recipient, alert in asked:
                if second > begun and (second - begun) % 60 == 0:  # nobody takes it: its ladder goes round
                    again(city, [alert], recipient, 1 + (second - begun) // 60)
            plan(city.conn, channels, lambda *_: True, begin + dt.timedelta(seconds=second))
        late = city.conn.execute(  # those that are in no message
            "SELECT alert_id, round FROM notification WHERE message_id IS NULL"
        ).fetchall()
        waiting = {row[0] for row in late}
        last = 85 + 60 * rounds
        assert not [alert for begun, _, alert in asked if alert in waiting and last - begun > 60 and all(
            r == 1 for a, r in late if a == alert)]  # fmt: skip
        for begun, recipient, alert in asked:
            row = city.conn.execute(
                "SELECT min(m.created_at) FROM notification n JOIN message m ON m.id = n.message_id"
                " WHERE n.alert_id = %s AND n.recipient_key = %s",
                (alert, recipient.key),
            ).fetchone()
            assert row is not None
            if last - begun >= 60:
                assert row[0] is not None
                assert row[0] - begin <= dt.timedelta(seconds=begun + 60)
        for recipient in (S1, S2):
            sizes = city.conn.execute(
                """
                SELECT m.created_at, (SELECT count(*) FROM alert a WHERE EXISTS (
                           SELECT FROM notification n JOIN message k ON k.id = n.message_id
                           WHERE n.alert_id = a.id AND n.recipient_key = %(key)s AND k.created_at <= m.created_at))
                FROM message m WHERE m.recipient_key = %(key)s ORDER BY m.created_at
                """,
                {"key": recipient.key},
            ).fetchall()
            beyond = [at for at, count in sizes if count >= LIMIT]
            assert all(b - a >= dt.timedelta(seconds=60) for a, b in itertools.pairwise(beyond) if b != a)
            assert all(count < LIMIT for (a, count), (b, _) in itertools.pairwise(sizes) if a == b)


def test_an_answer_ends_the_storm_for_what_it_answers(database_url: str) -> None:
    channels = config.parse(gateway_toml("sms", "http://127.0.0.1:1") + ORDER, {})
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    with town(database_url) as city:
        first = many(city, 20, S1)
        assert plan(city.conn, channels, lambda *_: True, now) == 1
        again(city, first, S1, 2)
        assert plan(city.conn, channels, lambda *_: True, now + dt.timedelta(seconds=30)) == 0
        for alert in first[:15]:
            cancel(city.conn, alert, now)
            city.conn.execute("UPDATE alert SET state = 'resolved' WHERE id = %s", (alert,))
        assert plan(city.conn, channels, lambda *_: True, now + dt.timedelta(seconds=61)) >= 1
        rows = city.conn.execute("SELECT state, count(*) FROM notification WHERE round = 2 GROUP BY state").fetchall()
        assert dict(rows) == {"withdrawn": 15, "waiting": 5}
        assert city.conn.execute(
            "SELECT count(*) FROM notification WHERE state = 'waiting' AND message_id IS NULL"
        ).fetchone() == (0,)


def test_web_push_has_no_ceiling_until_it_fails_and_the_telephone_is_called(database_url: str) -> None:
    text = gateway_toml("sms", "http://127.0.0.1:1") + gateway_toml("push", "http://127.0.0.1:1", 'address = "account"')
    channels = config.parse(text + PUSH_FIRST, {})
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    with town(database_url) as city:
        for turn in range(4):
            many(city, 5, S1)
            assert plan(city.conn, channels, lambda *_: True, now + dt.timedelta(seconds=turn)) >= 1
        city.conn.execute("UPDATE message SET channel = 'sms', position = 2")  # push is refused
        many(city, 5, S1)
        assert plan(city.conn, channels, lambda *_: True, now + dt.timedelta(seconds=5)) == 0
        assert plan(city.conn, channels, lambda *_: True, now + dt.timedelta(seconds=64)) == 1


def test_one_that_can_not_be_planned_keeps_no_other_from_the_list(database_url: str) -> None:
    channels = config.parse(gateway_toml("sms", "http://127.0.0.1:1") + ORDER, {})
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    with town(database_url) as city:
        alerts = many(city, 20, S1)
        city.conn.execute(
            'UPDATE notification SET page = \'{"purpose": 1, "subject": 2}\' WHERE alert_id = %s', (alerts[7],)
        )
        plan(city.conn, channels, lambda *_: True, now)
        rows = city.conn.execute("SELECT alert_id FROM notification WHERE message_id IS NULL").fetchall()
        assert [row[0] for row in rows] == [alerts[7]]


def test_a_provider_s_ceiling_holds_over_all_recipients_and_the_gravest_go_first(
    database_url: str, tmp_path: Path
) -> None:
    with town(database_url) as city, http_peer() as peer:
        city.conn.execute("UPDATE staff SET phone = '138' WHERE code = 'S2'")
        channels = gateway_toml("sms", peer.url, "per_minute = 3") + ORDER
        many(city, 3, S1)
        city.tell("technical", [S2], rule="battery_low")
        city.conn.execute("UPDATE notification SET due_at = now()")
        with delivery(database_url, channels, tmp_path), psycopg.connect(database_url, autocommit=True) as conn:
            wait_for(
                lambda: conn.execute("SELECT FROM channel_ceiling").fetchone() is not None,
                30,
                lambda: str(peer.requests),
            )
            assert storms.count(conn).channels == ("sms",)
        assert [request.json()["to"] for request in peer.requests] == ["0755-00001"] * 3
        assert ("S2", "sms", "waiting") in city.messages()
