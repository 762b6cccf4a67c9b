"""The console's pages of work orders over HTTP: role and area on the server, links that work once, photos, audit."""

import contextlib
import datetime as dt
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import psycopg
import pytest

from care_network.access import sessions
from care_network.medical import notes
from care_network.medical.keyring import create_key_file
from console.app import create_app
from console.server import make_server
from console.settings import ConsoleSettings
from console.shell.security import COOKIE
from database.settings import DatabaseSettings
from dispatch.channels.config import parse
from dispatch.channels.planner import plan
from dispatch.channels.render import MessageLinks, words_of
from dispatch.channels.wording.alert_words import Content
from dispatch.core.links import create_link_key_file, load_link_keys
from dispatch.orders import assigning, messages, store
from dispatch.orders.people import Crews
from dispatch.orders.store import Order
from firmware_profiles.link.mqtt import Broker
from tests.integration.dispatch.orders.test_work_orders import picture
from tests.support.databases import logins_of_console, of_service
from tests.support.network import account
from tests.support.orders import ZHOU, raise_alert, roster_all_day, staff_city

pytestmark = pytest.mark.integration


def utc() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Site:
    """The console on a port of its own, and a browser for each login."""

    def __init__(self, url: str, address: str) -> None:
        self.url, self.address = url, address
        self.browsers = contextlib.ExitStack()

    def visitor(self, login: str | None = None) -> httpx2.Client:
        client = self.browsers.enter_context(
            httpx2.Client(base_url=self.address, headers={"Origin": self.address}, timeout=45, trust_env=False)
        )
        if login is not None:
            with psycopg.connect(self.url, autocommit=True) as conn:
                token = sessions.open_session(conn, account(conn, login), "127.0.0.1", utc())
            client.cookies.set(COOKIE, token)
        return client


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        roster_all_day(conn, "S1")  # the account "carer"
        yield conn


@pytest.fixture
def site(
    city: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    create_link_key_file(tmp_path / "link.keys")
    monkeypatch.setenv("SHOUWANG_LINK_KEY_FILE", str(tmp_path / "link.keys"))
    monkeypatch.setenv("SHOUWANG_MEDICAL_KEY_FILE", str(tmp_path / "medical.keys"))
    ring = create_key_file(tmp_path / "medical.keys")
    notes.add_note(city, ring, "R1", notes.MedicalNote(allergies="青霉素"), utc())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = int(free.getsockname()[1])
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        database = DatabaseSettings(url=of_service(database_url, "console"))
        app = create_app(ConsoleSettings(**logins_of_console(database_url)), database, Broker(port=nobody))
        server = make_server(app, ConsoleSettings())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        site = Site(database_url, f"http://127.0.0.1:{listener.getsockname()[1]}")
        with site.browsers:
            yield site
        server.should_exit = True
        while thread.is_alive():  # the console's listener waits for news
            city.execute("SELECT pg_notify('alert_changed', gen_random_uuid()::text)")
            thread.join(0.1)
        listener.close()


def sent(city: psycopg.Connection, staff: str = "S11") -> Order:
    return assigning.dispatch_alert(city, Crews(), raise_alert(city, utc()), ZHOU, utc(), staff_code=staff)


def phone_link(order: Order, staff: str = "S11") -> str:
    return messages.page_path(load_link_keys(), order.id, staff, utc())


def press(action: str, **more: str) -> dict[str, str]:
    """The form of a press; each has a key of its own."""
    return {"action": action, "key": str(uuid.uuid4()), **more}


def state(city: psycopg.Connection, order: Order) -> str:
    return store.load(city, order.id).state


def test_one_tap_shows_the_best_three_and_sends(site: Site, city: psycopg.Connection) -> None:
    alert = raise_alert(city, utc())
    zhou = site.visitor("dispatcher")
    assert f'href="/alerts/{alert}/dispatch"' in zhou.get(f"/alerts/{alert}").text
    page = zhou.get(f"/alerts/{alert}/dispatch").text
    assert page.count('name="staff"') == 3
    assert "所属机构距此 100 米" in page
    answer = zhou.post(f"/alerts/{alert}/dispatch", data={"service": "fall_assistance", "staff": "S12"})
    assert answer.status_code == 303
    order = zhou.get(answer.headers["location"])
    assert "员12" in order.text
    assert "待接单" in order.text
    again = zhou.post(f"/alerts/{alert}/dispatch", data={"service": "fall_assistance"})
    assert again.status_code == 409
    assert "已有同类工单在办" in again.text
    assert "员12" in zhou.get("/orders").text
    assert "员12" not in zhou.get("/orders?view=done").text
    assert zhou.get("/orders?view=nonsense").status_code == 422
    audited = {row[0] for row in city.execute("SELECT action FROM audit").fetchall()}
    assert {"view_candidates", "dispatch", "view_orders", "view_order"} <= audited


def test_role_and_area_hold_on_the_server(site: Site, city: psycopg.Connection) -> None:
    order = sent(city)
    for login, status in [("dispatcher", 200), ("carer", 200), ("admin", 200), ("carer-ms", 404), ("daughter", 403)]:
        assert site.visitor(login).get(f"/orders/{order.id}").status_code == status, login
    refused = city.execute("SELECT c.login FROM audit a JOIN account c ON c.id = a.account_id"
                           " WHERE a.action = 'refused_view_order'").fetchall()  # fmt: skip
    assert refused == [("carer-ms",)]
    assert site.visitor().get("/orders").status_code == 303
    body = {"version": str(order.version)}
    for login, status in [("carer", 403), ("admin", 403), ("daughter", 403)]:
        visitor = site.visitor(login)
        assert visitor.post(f"/orders/{order.id}/cancel", data=body).status_code == status
        assert visitor.get(f"/alerts/{order.alert_id}/dispatch").status_code == status
        assert visitor.post(f"/alerts/{order.alert_id}/dispatch").status_code == status
    assert "员11" not in site.visitor("carer-ms").get("/orders").text
    stranger = site.visitor("dispatcher")
    stranger.headers["Origin"] = "https://elsewhere.example"
    assert stranger.post(f"/orders/{order.id}/cancel", data=body).status_code == 403
    assert state(city, order) == "offered"


def test_the_dispatcher_notes_what_was_told_and_changes_who_goes(site: Site, city: psycopg.Connection) -> None:
    order = sent(city)
    zhou = site.visitor("dispatcher")
    assert zhou.post(f"/orders/{order.id}/accept", data={"version": str(order.version)}).status_code == 303
    late = zhou.post(f"/orders/{order.id}/depart", data={"version": str(order.version)})
    assert late.status_code == 409
    assert "更新了这张工单" in late.text
    order = store.load(city, order.id)
    moved = zhou.post(f"/orders/{order.id}/reassign", data={"version": str(order.version), "staff": "S13"})
    assert moved.status_code == 303
    order = store.load(city, order.id)
    assert order.staff_code == "S13"
    assert zhou.post(f"/orders/{order.id}/finish", data={"version": str(order.version)}).status_code == 409
    assert zhou.post(f"/orders/{order.id}/explode", data={"version": str(order.version)}).status_code == 404
    assert zhou.post(f"/orders/{order.id}/cancel", data={"version": str(order.version)}).status_code == 303
    assert state(city, order) == "cancelled"


def test_a_phone_goes_from_accept_to_done_by_a_link(site: Site, city: psycopg.Connection) -> None:
    order = sent(city)
    link = phone_link(order)
    phone = site.visitor()
    first = phone.get(link)
    assert first.status_code == 200
    for shown in ("陈", "确认跌倒", "路1号", "uri.amap.com/marker?position=114.241000,22.560000", "tel:120"):
        assert shown in first.text
    accept = press("accept")
    for _ in range(3):
        assert phone.post(link, data=accept).status_code == 303, "the same press again changes nothing"
    assert state(city, order) == "accepted"
    other = phone.post(link, data=press("accept"))
    assert other.status_code == 200
    assert "此前已登记" in other.text
    for action, wanted in [("depart", "en_route"), ("arrive", "arrived")]:
        assert phone.post(link, data=press(action)).status_code == 303
        assert state(city, order) == wanted
    assert phone.post(link, data=press("finish", card="nonsense")).status_code == 409
    assert phone.post(link, data={"action": "finish", "key": "no key"}).status_code == 422
    assert phone.post(link, data=press("explode")).status_code == 409
    assert state(city, order) == "arrived"
    bad = phone.post(link, data=press("note"), files={"photo": ("a.jpg", b"<html>", "image/jpeg")})
    assert "照片未保存" in bad.text
    done = phone.post(
        link,
        data=press("finish", card="treated", injury="head", note="扶起,无外伤"),
        files={"photo": ("a.jpg", picture(), "image/jpeg")},
    )
    assert done.status_code == 303
    assert state(city, order) == "done"
    thanks = phone.get(link).text
    for shown in ("受伤，已处理", "头部受伤", "扶起,无外伤", "这张工单已结束"):
        assert shown in thanks
    zhou = site.visitor("dispatcher")
    page = zhou.get(f"/orders/{order.id}")
    assert "扶起,无外伤" in page.text
    image = re.search(r'src="(/orders/[^"]+/photos/\d+)"', page.text)
    assert image is not None
    got = zhou.get(image[1])
    assert got.headers["content-type"] == "image/jpeg"
    assert site.visitor("carer-ms").get(image[1]).status_code == 404
    assert "/rate/" not in thanks, "the carer's telephone gets no link to rate the carer's own visit"
    origin = city.execute("SELECT DISTINCT origin FROM work_order_event WHERE action = 'finish'").fetchall()
    assert origin == [("link 127.0.0.1",)]
    looks = city.execute("SELECT count(*) FROM audit WHERE action = 'view_order' AND account_id IS NULL").fetchone()
    assert looks is not None
    assert looks[0] > 3


def test_a_link_is_for_one_person_and_one_order(site: Site, city: psycopg.Connection) -> None:
    order = sent(city)
    other = sent(city, "S12")
    phone = site.visitor()
    stolen = press("accept")
    assert phone.post(phone_link(other, "S12"), data=stolen).status_code == 303
    assert phone.post(phone_link(order), data=stolen).status_code == 409, "the key is another person's press"
    assert "已转给他人" in phone.get(phone_link(order, "S13")).text
    assert "路1号" not in phone.get(phone_link(order, "S13")).text
    assert phone.post(phone_link(order, "S13"), data=press("accept")).status_code == 409
    for token in ("x", "a.b", phone_link(order)[3:].swapcase()):
        assert phone.get(f"/w/{token}").status_code == 410
        assert phone.post(f"/w/{token}", data=press("accept")).status_code in (409, 410)
        assert phone.get(f"/rate/{token}").status_code == 410
    old = load_link_keys().sign(messages.PAGE, str(order.id), "staff:S11", utc() - dt.timedelta(seconds=1))
    assert "已过期" in phone.get(f"/w/{old}").text
    assert phone.post(f"/w/{old}", data=press("accept"), headers={"Accept": "application/json"}).status_code == 410
    declined = phone.post(phone_link(order), data=press("decline", to="S13", why="距离太远"))
    assert declined.status_code == 303
    assert store.load(city, order.id).staff_code == "S13", "handed on to whom they chose"
    assert "已转给他人" in phone.get(phone_link(order)).text
    city.execute("UPDATE staff SET active = false WHERE code = 'S13'")
    assert phone.get(phone_link(order, "S13")).status_code == 410
    assert (state(city, order), state(city, other)) == ("offered", "accepted")


def test_medical_notes_by_their_own_rules(site: Site, city: psycopg.Connection) -> None:
    order = sent(city, "S1")  # S1 has the account "carer"
    link = phone_link(order, "S1")
    phone = site.visitor()
    assert "医疗信息" not in phone.get(link).text, "not before it is accepted"
    phone.post(link, data=press("accept"))
    page = phone.get(link)
    assert "青霉素" not in page.text
    assert "查看" in page.text
    assert "青霉素" in phone.post(link, data=press("medical")).text
    looks = city.execute("SELECT origin, detail ? 'alerts' FROM audit WHERE action = 'view_medical_note'").fetchall()
    assert looks == [("link 127.0.0.1", True)]
    other = sent(city)
    phone.post(phone_link(other), data=press("accept"))
    answer = phone.post(phone_link(other), data=press("medical")).text
    assert "此处不能显示医疗信息，请致电值班台" in answer
    assert "青霉素" not in answer


def test_who_is_logged_in_finds_their_own_steps(site: Site, city: psycopg.Connection) -> None:
    order = sent(city, "S1")
    carer = site.visitor("carer")
    assert "许晴" in carer.get("/orders?mine=1").text
    opened = carer.post(f"/orders/{order.id}/phone")
    assert opened.status_code == 303
    assert "接单" in carer.get(opened.headers["location"]).text
    other = sent(city, "S11")
    assert carer.post(f"/orders/{other.id}/phone").status_code == 403


def test_the_family_rates_a_visit_of_their_own_parent(site: Site, city: psycopg.Connection) -> None:
    order = sent(city)
    for step in ("accept", "arrive", "finish"):
        assigning.act_as_person(city, Crews(), order.id, step, order.staff_id or 0, ZHOU, utc())  # type: ignore[arg-type]
    daughter = site.visitor("daughter")
    path = f"/orders/{order.id}/by-family/rating"
    assert daughter.post(path, data={"stars": "5"}).status_code == 404
    city.execute(
        "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
        " WHERE a.login = 'daughter' AND r.code = 'R1'"
    )
    assert "这次上门帮到您了吗" in daughter.get("/family").text
    assert daughter.post(path, data={"stars": "9"}).status_code == 409
    assert daughter.post(path, data={"stars": "4", "words": "谢谢"}).status_code == 303
    assert "这次上门帮到您了吗" not in daughter.get("/family").text
    assert site.visitor("dispatcher").post(path, data={"stars": "1"}).status_code == 403


OUTBOX = """
[channels.sms]
adapter = "outbox"

[order]
staff = ["sms"]
contact = ["sms"]
organisation = ["sms"]
service = ["sms"]
"""


def done(city: psycopg.Connection) -> Order:
    order = sent(city)
    for step in ("accept", "arrive", "finish"):
        assigning.act_as_person(city, Crews(), order.id, step, order.staff_id or 0, ZHOU, utc())  # type: ignore[arg-type]
    return order


def contacts(city: psycopg.Connection, *phones: str) -> None:
    for order, phone in enumerate(phones, 1):
        city.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at)"
            " SELECT id, %s, '女儿', 'Daughter', '女儿', 'daughter', %s, now() - interval '1 day' FROM resident"
            " WHERE code = 'R1'",
            (phone, order),
        )


def test_the_family_is_asked_by_its_own_telephone_to_rate_a_visit(site: Site, city: psycopg.Connection) -> None:
    contacts(city, "139", "138")
    city.execute(
        "INSERT INTO notification_preference (recipient_kind, recipient_key, channels, quiet_from, quiet_until)"
        " VALUES ('contact', 'R1/139', '{}', (now() AT TIME ZONE 'Asia/Shanghai' - interval '1 hour')::time,"
        " (now() AT TIME ZONE 'Asia/Shanghai' + interval '2 hours')::time)"
    )
    order = done(city)
    asked = city.execute("SELECT id, recipient_key FROM notification WHERE recipient_kind = 'contact'").fetchall()
    assert [key for _, key in asked] == ["R1/139"], "the first one; and nobody twice"
    channels = parse(OUTBOX, {})
    # the grouping of notifications waits for others like them
    assert plan(city, channels, lambda *_: True, utc() + dt.timedelta(minutes=1)) >= 1
    message = city.execute(
        "SELECT severity, due_at > now() + interval '1 hour', content FROM message WHERE recipient_key = 'R1/139'"
    ).fetchone()
    assert message is not None
    assert message[:2] == ("attention", True), "no emergency, and it waits for the end of the night"
    content = msgspec.convert(message[2], Content)
    links = MessageLinks(load_link_keys(), site.address, 12)
    words = words_of(content)
    for language in ("zh", "en"):
        told = words.title(content, language) + words.short(content, language, "") + words.spoken(content, language)
        assert not re.search("跌倒|fall|紧急|emergency|路1号", told, re.IGNORECASE)
    assert content.page is not None
    link = links.page(content.page, "contact", "R1/139", utc())
    family = site.visitor()
    assert "评价" in family.get(link).text
    assert family.post(link, data={"stars": "5", "words": "很快"}).status_code == 200
    assert family.post(link, data={"stars": "1"}).status_code == 409
    assert "★★★★★" in site.visitor("dispatcher").get(f"/orders/{order.id}").text


@pytest.mark.parametrize(
    "gone", ["DELETE FROM contact WHERE phone = '139'", "UPDATE contact SET consent_at = NULL WHERE phone = '139'"]
)
def test_a_former_contact_rates_nothing(site: Site, city: psycopg.Connection, gone: str) -> None:
    contacts(city, "139", "138")
    order = done(city)
    link = messages.rating_path(load_link_keys(), order.id, "R1", utc())
    assert site.visitor().get(link).status_code == 200
    city.execute(gone.encode())
    assert site.visitor().get(link).status_code == 410
    assert site.visitor().post(link, data={"stars": "5"}).status_code == 410
    for person in ("staff:S11", "door", "contact:R2"):
        forged = load_link_keys().sign(messages.RATING, str(order.id), person, utc() + dt.timedelta(hours=1))
        assert site.visitor().get(f"/rate/{forged}").status_code == 410
    assert city.execute("SELECT count(*) FROM work_order_rating").fetchone() == (0,)


def test_where_nobody_can_be_asked_to_rate_the_alert_says_nothing(site: Site, city: psycopg.Connection) -> None:
    contacts(city, "139")
    done(city)
    plan(city, parse(OUTBOX, {}), lambda _, address: address != "139", utc())
    state = city.execute("SELECT state FROM notification WHERE recipient_kind = 'contact'").fetchall()
    assert state == [("failed",)]
    assert city.execute("SELECT count(*) FROM alert_event WHERE action = 'unreachable'").fetchone() == (0,)


def test_the_service_level_page(site: Site, city: psycopg.Connection) -> None:
    raise_alert(city, utc() - dt.timedelta(hours=1))
    page = site.visitor("dispatcher").get("/sla?by_shift=1")
    assert "中心</td>" in page.text
    assert "全天</td>" in page.text or "夜班</td>" in page.text  # by the hour at which this runs
    assert "0.0%" in page.text
    body = site.visitor("admin").get("/api/sla?by_shift=0").json()
    (line,) = [one for one in body["lines"] if one["milestone"] == "acknowledged"]
    assert (line["alerts"], line["missed"], line["shift"]) == (1, 1, "")
    assert body["targets_s"]["emergency"]["acknowledged"] == 60
    assert site.visitor("admin-hs").get("/api/sla").json()["lines"]
    assert site.visitor("carer").get("/sla").status_code == 403
    assert site.visitor().get("/api/sla").status_code == 401


def test_a_form_without_bounds_is_refused(site: Site) -> None:
    visitor = site.visitor()
    assert visitor.post("/w/x", content=b"x" * 17_000_000).status_code == 413
    assert visitor.post("/w/x", content=iter([b"x"])).status_code == 422, "as long as it is small, its form counts"


def reasons(page: str, name: str) -> str:
    """The reasons that the page of candidates gives for a person."""
    (panel,) = [part for part in page.split('<li class="panel">') if f"· {name}" in part]
    return panel


def test_a_place_shared_on_the_phone_is_used_by_matching(site: Site, city: psycopg.Connection) -> None:
    order = sent(city, "S1")  # S1 has the account "carer"
    link, phone, zhou = phone_link(order, "S1"), site.visitor(), site.visitor("dispatcher")
    page = phone.get(link)
    assert page.headers["permissions-policy"].endswith("geolocation=(self)")
    assert "同意并共享当前位置" in page.text
    assert "15 分钟" in page.text
    here = {"longitude": "114.2410", "latitude": "22.5600", "accuracy_m": "12"}
    shared = phone.post(f"{link}/place", data=here)
    assert (shared.status_code, shared.headers["location"]) == (303, f"{link}#place")
    assert "您正在共享位置" in phone.get(link).text
    assigning.cancel(city, order.id, ZHOU, utc(), expected_version=order.version)
    other = raise_alert(city, utc())
    candidates = zhou.get(f"/alerts/{other}/dispatch").text
    assert "1 · 许晴" in candidates, "the nearest is the first"
    assert "现在位置距此" in reasons(candidates, "许晴")
    phone.post(f"{link}/place", data={**here, "latitude": "22.5601"})
    rows = city.execute("SELECT longitude, latitude, accuracy_m FROM staff_location").fetchall()
    assert rows == [(114.2410, 22.5601, 12)], "the last place only"
    audited = city.execute("SELECT detail, origin FROM audit WHERE action = 'share_location'").fetchall()
    assert audited == [({"consent": True}, "link 127.0.0.1")], "consent is given once"
    nowhere = phone.post(f"{link}/place", data={**here, "latitude": "91"})
    assert nowhere.status_code == 422
    assert phone.post(f"{link}/place/withdraw").status_code == 303
    assert city.execute("SELECT count(*) FROM staff_location").fetchone() == (0,)
    assert "现在位置距此" not in zhou.get(f"/alerts/{other}/dispatch").text


def test_no_place_is_asked_of_a_person_without_an_account(site: Site, city: psycopg.Connection) -> None:
    link, phone = phone_link(sent(city)), site.visitor()
    page = phone.get(link)
    assert "共享我的位置" not in page.text
    assert page.headers["permissions-policy"].endswith("geolocation=()")
    here = {"longitude": "114.2410", "latitude": "22.5600", "accuracy_m": "12"}
    refused = phone.post(f"{link}/place", data=here)
    assert refused.status_code == 403
    assert "没有可共享位置的平台账号" in refused.text
    assert phone.post(f"{link}/place/withdraw").status_code == 403
    assert phone.post("/w/x/place", data=here).status_code == 410
    assert city.execute("SELECT count(*) FROM staff_location").fetchone() == (0,)


def test_a_link_shares_no_place_once_the_order_is_somebody_elses(site: Site, city: psycopg.Connection) -> None:
    order = sent(city, "S1")
    link, zhou = phone_link(order, "S1"), site.visitor("dispatcher")
    zhou.post(f"/orders/{order.id}/reassign", data={"version": str(order.version), "staff": "S13"})
    refused = site.visitor().post(f"{link}/place", data={"longitude": "114.24", "latitude": "22.56", "accuracy_m": "1"})
    assert refused.status_code == 410
    assert "已不在您手上" in refused.text
    assert city.execute("SELECT count(*) FROM staff_location").fetchone() == (0,)
