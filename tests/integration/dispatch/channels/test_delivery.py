"""Messages on their way: real database, real HTTP servers that refuse, stall, trickle and answer twice."""

import datetime as dt
from pathlib import Path

import pytest

from dispatch.channels.notifications import Recipient, cancel
from tests.support.delivery import CARER, delivery, gateway_toml, town
from tests.support.peers import Answer, Request, http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def order(*names: str) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"[order]\nstaff = [{listed}]\ncontact = [{listed}]\norganisation = [{listed}]\n"


def test_a_message_arrives_with_its_links(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url) + order("sms")
        with delivery(database_url, channels, tmp_path):
            city.tell()
            city.wait([("S1", "sms", "sent")])
        said = peer.requests[0].json()
        assert said["to"] == "0755-00001"
        assert "【守望】紧急：按了呼叫按钮，陈先生，路1号" in said["text"]
        assert "http://console.test/a/" in said["text"]
        assert said["receipt"].startswith("http://console.test/receipts/")
        assert city.notifications() == [("S1", "sent")]
        row = city.conn.execute("SELECT provider_id, number FROM delivery_attempt").fetchone()
        assert row == ("n-1", 1)
        note = city.conn.execute("SELECT action, note FROM alert_event").fetchone()
        assert note == ("notify", "许晴 (S1) · sms")


def test_a_busy_peer_is_asked_again_with_the_same_key(database_url: str, tmp_path: Path) -> None:
    answers = [Answer(503), Answer(200, {"code": 7}), Answer(200, {"code": 0})]
    with town(database_url) as city, http_peer() as peer:
        peer.answer = lambda _: answers[min(len(peer.requests) - 1, 2)]
        with delivery(database_url, gateway_toml("sms", peer.url) + order("sms"), tmp_path):
            city.tell()
            city.wait([("S1", "sms", "sent")])
        assert city.attempts() == [("sms", "retryable"), ("sms", "retryable"), ("sms", "sent")]
        assert len(set(peer.keys)) == 1


def test_a_refusal_goes_to_the_next_channel_and_then_the_next_person(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        first, second = city.contact("139", 1), city.contact("138", 2, name="邻居")
        city.contact("137", 3, consent=False)

        def answer(request: Request) -> Answer:
            return Answer(200, {"code": 0 if request.json()["to"] == "138" and request.path == "/voice" else 4})

        peer.answer = answer
        channels = gateway_toml("sms", peer.url) + gateway_toml("voice", peer.url, 'form = "spoken"')
        with delivery(database_url, channels + order("sms", "voice"), tmp_path):
            city.tell(recipients=[Recipient("contact", first)])
            city.wait([(first, "voice", "failed"), (second, "voice", "sent")])
        assert [request.path for request in peer.requests] == ["/sms", "/voice", "/sms", "/voice"]
        assert len(set(peer.keys)) == 4
        assert city.notifications() == [(first, "failed"), (second, "sent")]


def test_nobody_left_is_said_in_the_history(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        silent = city.contact("137", 1, consent=False)
        with delivery(database_url, gateway_toml("sms", peer.url) + order("sms"), tmp_path):
            city.tell(recipients=[Recipient("contact", silent)])
            wait_for(lambda: city.notifications() == [(silent, "failed")], 30, lambda: str(city.notifications()))
        assert peer.requests == []
        row = city.conn.execute("SELECT action FROM alert_event").fetchone()
        assert row == ("unreachable",)


def test_a_channel_that_hangs_delays_no_other(database_url: str, tmp_path: Path) -> None:
    """A trickling peer outlives every time-out of a client; it is given up at the deadline, and the next one taken."""
    with town(database_url) as city, http_peer() as slow, http_peer() as good:
        slow.trickle = True
        city.conn.execute(
            "INSERT INTO notification_preference (recipient_kind, recipient_key, channels)"
            " VALUES ('staff', 'S2', '{voice}')"
        )
        channels = gateway_toml("sms", slow.url, "workers = 2") + gateway_toml("voice", good.url)
        with delivery(database_url, channels + order("sms", "voice"), tmp_path):
            for _ in range(4):
                city.tell()
            wait_for(lambda: len(slow.requests) >= 2, 30, lambda: str(city.attempts()))
            city.tell(recipients=[Recipient("staff", "S2")])
            wait_for(lambda: len(good.requests) == 1, 0.9, lambda: str(city.attempts()))
            city.wait([("S1", "voice", "sent")] * 4 + [("S2", "voice", "sent")], 30)
            slow.let_go()


def test_a_suspended_channel_is_passed_by(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as down, http_peer() as good:
        down.answer = lambda _: Answer(500)
        channels = gateway_toml("sms", down.url) + gateway_toml("voice", good.url)
        with delivery(database_url, channels + order("sms", "voice"), tmp_path):
            for _ in range(4):
                city.tell()
            city.wait([("S1", "voice", "sent")] * 4, 20)
            tried = len(down.requests)
            city.tell()
            city.wait([("S1", "voice", "sent")] * 5, 5)
        assert len(down.requests) == tried


def test_a_promised_receipt_that_does_not_come(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url, "receipt_s = 0.7") + gateway_toml("voice", peer.url)
        with delivery(database_url, channels + order("sms", "voice"), tmp_path):
            city.tell()
            city.wait([("S1", "voice", "sent")])
        row = city.conn.execute("SELECT receipt FROM delivery_attempt ORDER BY id").fetchall()
        assert row == [("late",), (None,)]


def test_alike_is_one_message_and_an_emergency_does_not_wait(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        city.conn.execute(
            """
            INSERT INTO household (code, area_id, address_zh, address_en)
            SELECT 'P' || n, area_id, n || '号', 'No. ' || n FROM household, generate_series(1, 80) n
            WHERE code = 'H1'
            """
        )
        with delivery(database_url, gateway_toml("sms", peer.url) + order("sms"), tmp_path):
            for number in range(1, 81):
                city.tell("technical", rule="gateway_silent", resident=None, household=f"P{number}")
            city.tell()
            wait_for(lambda: len(peer.requests) == 1, 20, lambda: str(city.messages()))
            assert "按了呼叫按钮" in peer.requests[0].json()["text"]
            city.conn.execute("UPDATE notification SET due_at = now() WHERE message_id IS NULL")
            wait_for(lambda: len(peer.requests) == 2, 30, lambda: str(city.messages()))
        assert "80 户" in peer.requests[1].json()["text"]
        assert [state for _, state in city.notifications()] == ["sent"] * 81


def test_an_answer_takes_back_what_is_not_sent(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        peer.answer = lambda _: Answer(503)
        with delivery(database_url, gateway_toml("sms", peer.url) + order("sms"), tmp_path):
            alert = city.tell("urgent")
            city.conn.execute("UPDATE notification SET due_at = now()")
            wait_for(lambda: len(city.attempts()) == 1, 30, lambda: str(city.messages()))
            wait_for(lambda: city.attempts() == [("sms", "retryable")], 30, lambda: str(city.attempts()))
            cancel(city.conn, alert, dt.datetime.now(dt.UTC))
            city.wait([("S1", "sms", "withdrawn")])
        assert city.notifications() == [("S1", "withdrawn")]
        assert len(peer.requests) == 1


def test_many_of_different_kinds_become_one(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url) + order("sms") + "[rate]\nmessages = 2\nseconds = 600\n"
        for rule in ("battery_low", "device_fault", "gateway_silent"):
            city.tell("technical", rule=rule)
        city.conn.execute("UPDATE notification SET due_at = now()")
        with delivery(database_url, channels, tmp_path):
            wait_for(lambda: len(peer.requests) == 1, 30, lambda: str(city.messages()))
            city.wait([("S1", "sms", "sent")])
            city.tell(recipients=[CARER])
            city.wait([("S1", "sms", "sent")] * 2)
            city.tell("technical")
            city.conn.execute("UPDATE notification SET due_at = now() WHERE message_id IS NULL")
            later = "SELECT count(*) FROM notification WHERE message_id IS NULL AND due_at > now() + INTERVAL '1 min'"
            wait_for(lambda: city.conn.execute(later).fetchone() == (1,), 30, lambda: str(city.notifications()))
