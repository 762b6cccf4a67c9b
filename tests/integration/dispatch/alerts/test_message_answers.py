"""What comes back from messages: taps on links, receipts, browsers; the outbox page. Over HTTP, as people do."""

import base64
import datetime as dt
import re
from pathlib import Path

import httpx2
import pytest

from dispatch.alerts import lifecycle
from dispatch.channels.notifications import Recipient
from dispatch.core import links
from dispatch.core.history import Actor
from shouwang.platform.platform import DEMO_CHANNELS
from tests.support.console import console
from tests.support.delivery import Town, delivery, gateway_toml, town
from tests.support.network import account
from tests.support.peers import http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
ORDER = '[order]\nstaff = ["sms", "voice"]\ncontact = ["sms", "voice"]\n'


def log_in(client: httpx2.Client, login: str) -> None:
    assert client.post("/login", data={"login": login, "password": "three words together"}).status_code == 303


def path_of(text: str, place: str) -> str:
    found = re.search(rf"http://console\.test(/{place}/\S+)", text)
    assert found, text
    return found.group(1)


def state(city: Town) -> str:
    row = city.conn.execute("SELECT state FROM alert").fetchone()
    assert row is not None
    return str(row[0])


def test_a_look_changes_nothing_and_one_tap_takes_it(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER.replace(', "voice"', ""), tmp_path):
            city.tell()
            city.wait([("S1", "sms", "sent")])
        path = path_of(peer.requests[0].json()["text"], "a")
        with console(database_url, None, tmp_path / "link.key") as client:
            for _ in range(3):
                page = client.get(path)
                assert page.status_code == 200
                assert "路1号" in page.text
            assert state(city) == "raised"
            done = client.post(path)
            assert (done.status_code, done.headers["location"]) == (303, path)
            assert state(city) == "acknowledged"
            steps = client.get(path)
            assert "出发" in steps.text, "the same address shows the steps at the door"
            order = city.conn.execute(
                "SELECT o.state, s.code FROM work_order o JOIN staff s ON s.id = o.staff_id"
            ).fetchall()
            assert order == [("accepted", "S1")]
            again = client.post(path)
            assert again.status_code == 410
            assert "已使用过" in again.text
            assert client.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 410
            assert client.post(path, headers={"Origin": "https://elsewhere.example"}).status_code == 403
        row = city.conn.execute(
            "SELECT actor, origin, account_id FROM alert_event WHERE action = 'acknowledge'"
        ).fetchone()
        assert row == ("许晴", "link 127.0.0.1", account(city.conn, "carer").id)
        assert city.notifications() == [("S1", "acknowledged")]


def test_the_family_knows_and_takes_nothing(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        daughter = city.contact("139", 1)
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER.replace(', "voice"', ""), tmp_path):
            city.tell(recipients=[Recipient("contact", daughter)])
            city.wait([(daughter, "sms", "sent")])
        text = peer.requests[0].json()["text"]
        assert "路1号" not in text
        with console(database_url, None, tmp_path / "link.key") as client:
            path = path_of(text, "a")
            assert "我正赶过去" in client.get(path).text
            assert client.post(path).status_code == 303
            assert "能看到您已知道" in client.get(path).text
        assert state(city) == "raised"
        assert city.conn.execute("SELECT note FROM alert_event WHERE action = 'known'").fetchone() == ("女儿 已知晓",)


def test_somebody_who_left_can_not_answer(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER.replace(', "voice"', ""), tmp_path):
            city.tell()
            city.wait([("S1", "sms", "sent")])
        city.conn.execute("UPDATE staff SET active = false")
        with console(database_url, None, tmp_path / "link.key") as client:
            assert client.post(path_of(peer.requests[0].json()["text"], "a")).status_code == 410
        assert state(city) == "raised"


def test_receipts(database_url: str, tmp_path: Path) -> None:
    """Undelivered goes to the next channel, once however often it is told; delivered is the end."""
    channels = "receipt_s = 30"
    with town(database_url) as city, http_peer() as peer, console(database_url, None, tmp_path / "link.key") as client:
        toml = gateway_toml("sms", peer.url, channels) + gateway_toml("voice", peer.url, channels) + ORDER
        with delivery(database_url, toml, tmp_path):
            city.tell()
            city.wait([("S1", "sms", "sent")])
            sms = path_of(peer.requests[0].json()["receipt"], "receipts")
            client.headers.pop("Origin")
            assert client.post(sms, json={"status": "maybe"}).status_code == 422
            for _ in range(3):
                assert client.post(sms, json={"status": "undelivered"}).json() == {"ok": True}
            city.wait([("S1", "voice", "sent")])
            voice = path_of(peer.requests[1].json()["receipt"], "receipts")
            assert client.post(sms, data={"status": "delivered"}).json() == {"ok": True}
            for _ in range(2):
                assert client.post(voice, data={"status": "delivered"}).json() == {"ok": True}
            assert client.post(voice[:-2], data={"status": "delivered"}).status_code == 403
        assert city.messages() == [("S1", "voice", "delivered")]
        assert len(peer.requests) == 2
        receipts = city.conn.execute("SELECT receipt FROM delivery_attempt ORDER BY id").fetchall()
        assert receipts == [("undelivered",), ("delivered",)]


def test_the_outbox_page(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, console(database_url, DEMO_CHANNELS, tmp_path / "link.key") as client:
        with delivery(database_url, DEMO_CHANNELS.read_text(), tmp_path):
            city.tell()
            city.tell(recipients=[Recipient("staff", "S2")], resident="R2", household="H2")
            city.wait([("S1", "sms", "delivered"), ("S2", "sms", "delivered")])
        assert client.get("/outbox").status_code == 303
        log_in(client, "carer")
        assert client.get("/outbox").status_code == 403
        log_in(client, "admin-hs")
        page = client.get("/outbox").text
        assert "许晴" in page
        assert "短信" in page
        assert page.count('class="handset sent"') == 1  # the other street is not theirs to see
        log_in(client, "dispatcher")
        cards = client.get("/outbox/cards").text
        assert cards.count('class="handset sent"') == 2
        link = re.search(r'href="http://console\.test(/a/[^"]+)"', cards)
        assert link
        client.post(link.group(1))
        assert "已接警" in client.get("/outbox/cards").text


def test_without_an_outbox_there_is_no_page(database_url: str, tmp_path: Path) -> None:
    with town(database_url), console(database_url, None, None) as client:
        log_in(client, "dispatcher")
        assert client.get("/outbox").status_code == 404
        assert "/outbox" not in client.get("/").text
        assert client.get("/a/anything").status_code == 503


def test_browsers_register(database_url: str, tmp_path: Path) -> None:
    from dispatch.channels.adapters.webpush import create_key

    private = tmp_path / "push.pem"
    public = create_key(private)
    assert create_key(private) == public
    assert len(base64.urlsafe_b64decode(public + "=")) == 65
    file = tmp_path / "channels.toml"
    options = f'private_key_file = "{private}", contact = "mailto:a@b.c"'
    file.write_text(f'[channels.webpush]\nadapter = "webpush"\noptions = {{ {options} }}\n')
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}
    with town(database_url) as city, console(database_url, file, None) as client:
        assert client.post("/api/push", json={}).status_code == 401
        log_in(client, "carer")
        assert client.get("/api/push").json() == {"key": public}
        assert client.post("/api/push", json={"endpoint": "http://x/1", "keys": keys}).status_code == 422
        for number in range(12):
            body = {"endpoint": f"https://fcm.googleapis.com/{number}", "keys": keys}
            assert client.post("/api/push", json=body).status_code == 200
        assert city.conn.execute("SELECT count(*) FROM push_subscription").fetchone() == (10,)
        assert client.delete("/api/push", params={"endpoint": "https://fcm.googleapis.com/11"}).status_code == 200
        assert city.conn.execute("SELECT count(*) FROM push_subscription").fetchone() == (9,)
        assert "showNotification" in client.get("/push-worker.js").text


def test_a_link_for_a_closed_alert_is_late(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER.replace(', "voice"', ""), tmp_path):
            alert = city.tell()
            city.wait([("S1", "sms", "sent")])
        somebody = Actor(None, "周敏")
        now = dt.datetime.now(dt.UTC)
        lifecycle.act(city.conn, alert, "resolve", somebody, now, expected_version=1, outcome="helped")
        with console(database_url, None, tmp_path / "link.key") as client:
            path = path_of(peer.requests[0].json()["text"], "a")
            assert client.post(path).status_code == 303
            page = client.get(path)
        assert "这条预警已结束" in page.text
        with pytest.raises(links.LinkError):
            links.load_link_keys(tmp_path / "link.key").read("x.y", "ack", now)
        wait_for(lambda: state(city) == "resolved", 20, lambda: state(city))
