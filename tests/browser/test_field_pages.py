"""People in the field on a telephone: from the tap on the message to the result, with and without a signal."""

import datetime as dt
import io
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from dispatch.channels.render import ACKNOWLEDGE
from dispatch.orders import assigning, messages, store
from dispatch.orders.people import Crews
from dispatch.orders.store import Order
from tests.integration.console.test_every_route import CONTENT
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.orders import ZHOU

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as site:
        site.conn.execute("UPDATE organisation SET phone = '0755-12345'")
        yield site


@contextmanager
def telephone(browser: Browser, workers: str = "block", width: int = 390) -> Iterator[BrowserContext]:
    context = browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": width, "height": 844},
        service_workers=workers,  # type: ignore[arg-type]
    )  # fmt: skip
    context.set_default_timeout(20_000)
    yield context
    context.close()


def message(site: ConsoleSite, alert: uuid.UUID, kind: str = "staff", key: str = "S11", name: str = "员11") -> str:
    """A message about an alert, as the delivery writes it; the path of its link."""
    row = site.conn.execute(
        """
        INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language, route,
                             addresses, channel, content, created_at, due_at)
        VALUES (gen_random_uuid(), %s, %s, 'emergency', 'escalation', %s, %s, 'zh', '{sms}', '{}', 'sms', %s, now(),
                now()) RETURNING id
        """,
        (kind, key, name, name, msgspec.json.encode(CONTENT).decode()),
    ).fetchone()
    assert row is not None
    site.conn.execute(
        "INSERT INTO notification (alert_id, reason, step, round, recipient_kind, recipient_key, at, due_at,"
        " message_id, state) VALUES (%s, 'escalation', 1, 0, %s, %s, now(), now(), %s, 'sent')",
        (alert, kind, key, row[0]),
    )
    person = f"{kind}:{key.partition('/')[0]}"
    return "/a/" + site.keys.sign(ACKNOWLEDGE, str(row[0]), person, now() + dt.timedelta(hours=12))


def sent(site: ConsoleSite) -> tuple[Order, str]:
    """An order that S11 has accepted, and the path of its page."""
    order = assigning.dispatch_alert(site.conn, Crews(), site.alert(), ZHOU, now(), staff_code="S11")
    assigning.act_as_person(site.conn, Crews(), order.id, "accept", order.staff_id or 0, ZHOU, now())
    return order, messages.page_path(site.keys, order.id, "S11", now())


def events(site: ConsoleSite, order: uuid.UUID) -> list[dict[str, Any]]:
    wanted = ("depart", "arrive", "finish")
    return [event for event in store.history(site.conn, order) if event["action"] in wanted]


def narrow(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def looks_again(page: Page) -> None:
    """The person takes the telephone out of the pocket."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def photo(folder: Path) -> Path:
    out = io.BytesIO()
    Image.new("RGB", (2400, 1800), "steelblue").save(out, "JPEG")
    (folder / "door.jpg").write_bytes(out.getvalue())
    return folder / "door.jpg"


@pytest.mark.parametrize(
    ("language", "take", "depart", "arrive", "card", "send", "thanks"),
    [
        ("zh", "我来处理", "出发", "到达", "受伤，已处理", "提交结果", "这张工单已结束"),
        ("en", "I take it on", "Set out", "Arrive", "Injured, treated here", "Send the result", "order is finished"),
    ],
)  # fmt: skip
def test_the_link_of_an_alert_leads_to_the_result(
    site: ConsoleSite, browser: Browser, tmp_path: Path, language: str, take: str, depart: str, arrive: str, card: str,
    send: str, thanks: str,
) -> None:  # fmt: skip
    alert = site.alert()
    path = message(site, alert)
    with telephone(browser) as context:
        context.add_cookies([{"name": "shouwang_language", "value": language, "url": site.address}])
        page = context.new_page()
        if language == "en":  # a telephone that says that it has no signal where it has
            page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")
        page.goto(site.address + path)
        accessible(page)
        page.get_by_role("button", name=take).click()
        assert page.url == site.address + path, "the same address shows the steps"
        expect(page.get_by_role("button", name=depart, exact=True)).to_be_visible()
        expect(page.locator(".countdown")).to_contain_text(re.compile(r"\d:\d\d"))
        expect(page.get_by_role("link", name="120")).to_have_attribute("href", "tel:120")
        expect(page.locator(".callbar a").nth(1)).to_have_attribute("href", "tel:0755-12345")
        narrow(page)
        accessible(page)
        page.get_by_role("button", name=depart, exact=True).click()
        page.get_by_role("button", name=arrive, exact=True).click()
        expect(page.locator(".injury")).to_be_hidden()
        page.get_by_role("radio", name=card).check()
        expect(page.locator(".injury")).to_be_visible()
        picture = page.locator("[data-picture]").first
        picture.locator("input").set_input_files(photo(tmp_path))
        expect(picture.locator("canvas")).to_be_visible()
        picture.locator("[data-drop]").click()
        expect(picture.locator("canvas")).to_be_hidden()
        picture.locator("input").set_input_files(photo(tmp_path))
        expect(picture.locator("canvas")).to_be_visible()
        page.locator("textarea[name=note]").first.fill("左手擦伤")
        narrow(page)
        accessible(page)
        page.get_by_role("button", name=send).click()
        expect(page.get_by_role("status").filter(has_text=thanks)).to_be_visible()
        expect(page.locator("[data-offline]")).to_have_count(1)
        expect(page.locator("[data-offline]")).to_be_hidden()
        expect(page.locator("main")).to_contain_text("左手擦伤")
        accessible(page)
    (order,) = site.conn.execute("SELECT id, state FROM work_order").fetchall()
    assert order[1] == "done"
    assert [event["action"] for event in events(site, order[0])] == ["depart", "arrive", "finish"]
    assert site.conn.execute("SELECT width, height FROM work_order_photo").fetchall() == [(1600, 1200)]
    with site.client("dispatcher") as desk:
        form = desk.get(f"/alerts/{alert}").text
    assert 'value="helped" required checked' in form, "a person at the desk closes it, with the finding"
    assert 'value="first_aid" checked' in form
    assert "左手擦伤" in form
    assert site.conn.execute("SELECT state FROM alert").fetchall() == [("on_scene",)]


def test_without_a_signal_presses_wait_and_count_once(site: ConsoleSite, browser: Browser) -> None:
    order, path = sent(site)
    with telephone(browser, "allow", 320) as context:
        page = context.new_page()
        page.goto(site.address + path)
        page.locator("html[data-kept]").wait_for(state="attached")
        narrow(page)
        context.set_offline(True)
        page.get_by_role("button", name="出发").click()
        expect(page.locator("[data-unsent]")).to_contain_text("已保存，待发送")
        page.reload()
        expect(page.locator("[data-unsent]")).to_contain_text("出发")
        page.get_by_role("button", name="到达").click()
        page.get_by_role("radio", name="已扶起，无伤").check()
        page.get_by_role("button", name="提交结果").click()
        expect(page.locator("[data-unsent] li")).to_have_count(3)
        narrow(page)
        accessible(page)
        site.conn.execute("SELECT pg_sleep(1.1)")  # between the presses and their arrival
        other = context.new_page()
        context.set_offline(False)
        other.goto(site.address + path)  # two tabs send at once
        expect(page.get_by_role("status").first).to_contain_text("这张工单已结束")
        expect(other.locator("[data-unsent]")).to_be_hidden()
    got = events(site, order.id)
    assert [event["action"] for event in got] == ["depart", "arrive", "finish"]
    for event in got:
        times = {name: dt.datetime.fromisoformat(event["detail"][name]) for name in ("pressed_at", "received_at")}
        assert times["received_at"] - times["pressed_at"] > dt.timedelta(seconds=1)
        # of the press; where a slow telephone reads its clock too early, of the step before it
        assert times["pressed_at"] <= event["at"] < times["received_at"] - dt.timedelta(seconds=1)


def test_a_page_that_lies_open_or_is_kept_says_what_holds_now(site: ConsoleSite, browser: Browser) -> None:
    order, path = sent(site)
    with telephone(browser, "allow") as context:
        page = context.new_page()
        page.goto(site.address + path)
        page.locator("html[data-kept]").wait_for(state="attached")
        expect(page.locator(".countdown")).to_contain_text(re.compile(r"请在 \d+:\d\d 内出发"))
        page.evaluate(
            """async (path) => {
              const cache = await caches.open("field-1");
              const kept = await cache.match(path), headers = new Headers(kept.headers);
              headers.set("X-Kept-At", String(Date.now() - 60 * 60 * 1000));
              await cache.put(path, new Response(await kept.text(), { headers }));
            }""",
            path,
        )
        context.set_offline(True)
        page.reload()
        expect(page.locator("[data-offline]")).to_contain_text(re.compile(r"这是 \d\d:\d\d 时的情况"))
        expect(page.locator(".countdown")).to_contain_text("正在重新呼叫其他人")
        page.locator("header.top form button").first.click()  # light or night: it leads away from here
        page.get_by_role("button", name="查看（会留痕）").click()
        expect(page.get_by_role("button", name="出发")).to_be_visible()
        accessible(page)
        context.set_offline(False)
        expect(page.locator("[data-offline]")).to_be_hidden()
        expect(page.locator(".countdown")).to_contain_text(re.compile(r"请在 \d+:\d\d 内出发"))
        assigning.cancel(
            site.conn, order.id, ZHOU, now(), expected_version=store.load(site.conn, order.id).version, note="误派"
        )
        looks_again(page)
        expect(page.locator("main")).to_contain_text("这张工单已取消，您无需前往")
        looks = site.conn.execute("SELECT count(*) FROM audit WHERE action = 'view_order'").fetchone()
        looks_again(page)
        page.wait_for_load_state("networkidle")
        assert site.conn.execute("SELECT count(*) FROM audit WHERE action = 'view_order'").fetchone() == looks


def test_what_waits_is_sent_though_the_page_is_closed(site: ConsoleSite, browser: Browser) -> None:
    """The browser wakes the worker at the signal (Background Sync); its own switchboard does it here again."""
    order, path = sent(site)
    with telephone(browser, "allow") as context:
        page, other = context.new_page(), context.new_page()
        page.goto(site.address + path)
        page.locator("html[data-kept]").wait_for(state="attached")
        context.set_offline(True)
        page.get_by_role("button", name="出发").click()
        expect(page.locator("[data-unsent]")).to_contain_text("已保存，待发送")
        page.close()
        context.set_offline(False)
        other.goto(site.address + "/login")
        browser_side = context.new_cdp_session(other)
        found: list[dict[str, Any]] = []
        browser_side.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
        browser_side.send("ServiceWorker.enable")
        wait_for(lambda: any(one["scopeURL"].endswith("/w/") for one in found), 10, lambda: str(found), other)
        worker = next(one for one in found if one["scopeURL"].endswith("/w/"))
        browser_side.send(
            "ServiceWorker.dispatchSyncEvent",
            {"origin": site.address, "registrationId": worker["registrationId"], "tag": "field", "lastChance": False},
        )
        wait_for(lambda: bool(events(site, order.id)), 10, lambda: "the worker sends nothing", other)
    assert [event["action"] for event in events(site, order.id)] == ["depart"]


def wait_for(condition: Callable[[], bool], seconds: float, what: Callable[[], str], page: Page) -> None:
    """Wait for something while the browser's events come in."""
    deadline = now() + dt.timedelta(seconds=seconds)
    while not condition():
        assert now() < deadline, what()
        page.evaluate("new Promise(requestAnimationFrame)")


def test_an_answer_that_is_lost_makes_no_second_step(site: ConsoleSite, browser: Browser) -> None:
    order, path = sent(site)
    lost: list[str] = []

    def lose_the_answer(route: Route, request: Request) -> None:
        if request.method != "POST" or len(lost) >= 2:
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort("connectionreset")

    with telephone(browser) as context:
        page, twin = context.new_page(), context.new_page()
        for one in (page, twin):
            one.route("**/mark", lambda route: route.abort())  # neither hears that the order went on
            one.goto(site.address + path)
        page.route("**/w/*", lose_the_answer)
        page.get_by_role("button", name="出发").dblclick()
        expect(page.locator(".state").first).to_have_text("前往中", timeout=20_000)
        expect(page.locator("[data-unsent]")).to_be_hidden()
        assert len(lost) == 2
        assert all("done" in answer for answer in lost), "the same press has the same answer"
        twin.get_by_role("button", name="出发").click()
        expect(twin.locator("main")).to_contain_text("此前已登记")
        assigning.reassign(
            site.conn, Crews(), order.id, ZHOU, now(), expected_version=store.load(site.conn, order.id).version,
            staff_code="S12",
        )  # fmt: skip
        page.get_by_role("button", name="到达").click()
        expect(page.locator("main")).to_contain_text("已转给他人")
        expect(page.locator("[data-unsent] .refused")).to_contain_text("到达")
        accessible(page)
    assert [event["action"] for event in events(site, order.id)] == ["depart"]
    notes = site.conn.execute("SELECT note FROM alert_event WHERE note LIKE '%%未生效%%'").fetchall()
    assert len(notes) == 1, "the desk is told of the step that was not possible any more"


def test_the_family_has_another_page(site: ConsoleSite, browser: Browser) -> None:
    site.conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at)"
        " SELECT id, '139', '女儿', 'Daughter', '女儿', 'daughter', 1, now() FROM resident WHERE code = 'R1'"
    )
    alert = site.alert()
    path = message(site, alert, "contact", "R1/139", "女儿")
    with telephone(browser, width=320) as context:
        page = context.new_page()
        page.goto(site.address + path)
        expect(page.get_by_role("status").first).to_contain_text("还没有人接警")
        expect(page.get_by_role("button", name="出发")).to_have_count(0)
        page.get_by_role("button", name="我正赶过去").click()
        expect(page.locator("main")).to_contain_text("值班人员能看到您已知道")
        page.get_by_role("button", name="我联系不上").click()
        expect(page.locator("[data-unsent]")).to_be_hidden()
        narrow(page)
        accessible(page)
    told = site.conn.execute("SELECT action FROM alert_event WHERE action LIKE 'family%%' ORDER BY id").fetchall()
    assert told == [("family_coming",), ("family_no_contact",)]
    assert site.conn.execute("SELECT state FROM alert WHERE id = %s", (alert,)).fetchone() == ("raised",)


def test_support_comes_from_somebody_else(site: ConsoleSite, browser: Browser) -> None:
    order, path = sent(site)
    with telephone(browser) as context:
        page = context.new_page()
        page.goto(site.address + path)
        page.get_by_text("需要支援").click()
        page.fill("details[open] input[name=note]", "抬不动")
        page.get_by_role("button", name="请求支援").click()
        expect(page.locator("[data-unsent]")).to_be_hidden()
        expect(page.locator("[data-beside]")).to_contain_text("待接单")
        (second,) = [one for one in store.list_orders(site.conn, store.OrderFilter()) if one.supports == order.id]
        assert second.staff_id is not None
        assigning.act_as_person(site.conn, Crews(), second.id, "accept", second.staff_id, ZHOU, now())
        looks_again(page)
        expect(page.locator("[data-beside]")).to_contain_text(f"{second.staff_zh} · 已接单")
        accessible(page)
        page.get_by_text("转给别人").click()
        page.get_by_text("距离太远").click()
        page.get_by_role("button", name="不能前往").click()
        expect(page.locator("main")).to_contain_text("已转给他人")
    rows = site.conn.execute(
        "SELECT o.supports IS NOT NULL, s.code <> 'S11' FROM work_order o JOIN staff s ON s.id = o.staff_id ORDER BY 1"
    ).fetchall()
    assert rows == [(False, True), (True, True)]
    told = set(site.conn.execute("SELECT reason, recipient_kind FROM notification WHERE reason <> 'escalation'"))
    assert told == {("work_order", "staff"), ("support", "organisation")}
    assert store.load(site.conn, order.id).state == "offered"


def test_a_carer_finds_their_own_page_after_the_login(site: ConsoleSite, browser: Browser) -> None:
    site.conn.execute("UPDATE staff SET account_id = NULL")
    site.conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'carer') WHERE code = 'S11'")
    order, _ = sent(site)
    planned = assigning.plan_service(site.conn, "wellness_check", "R1", now() + dt.timedelta(hours=3), ZHOU, now())
    site.conn.execute(
        "UPDATE work_order SET state = 'accepted', next_at = NULL,"
        " staff_id = (SELECT id FROM staff WHERE code = 'S11') WHERE id = %s",
        (planned.id,),
    )
    for language, width, now_word, later_word, opens in (
        ("zh", 390, "现在", "接下来", "打开我的工单"), ("en", 320, "Now", "Coming up", "Open my order"),
    ):  # fmt: skip
        with telephone(browser, width=width) as context:
            context.add_cookies([{"name": "shouwang_language", "value": language, "url": site.address}])
            site.log_in(context, "carer")
            page = context.new_page()
            page.goto(site.address + "/mine")
            expect(page.get_by_role("heading", name=now_word, exact=True)).to_be_visible()
            expect(page.locator("section", has_text=later_word).get_by_role("button", name=opens).last).to_be_visible()
            expect(page.locator(".tabs a")).to_have_count(3)
            assert page.locator("[data-alert], table").count() == 0, "no board"
            narrow(page)
            accessible(page)
            page.get_by_role("button", name=opens).first.click()
            expect(page.locator(".callbar")).to_be_visible()
            assert "/w/" in page.url
    with site.client() as client:
        answer = client.post("/login", data={"login": "carer", "password": "three words together"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/mine")
    with site.client("dispatcher") as desk:
        assert desk.get("/mine").headers["location"] == "/"
    assert order.number != planned.number
