"""The panel in a home: a hold calls for help, help is written and spoken, and nothing lost looks fine."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.family import panels
from tests.support.brokers import TestBroker
from tests.support.browser import losing
from tests.support.canteens import add_canteen, soon
from tests.support.care_city import add_services
from tests.support.console_site import console_site, now
from tests.support.network import account
from tests.support.services import wait_for

pytestmark = pytest.mark.browser
LISTEN = "window.spoken = []; speechSynthesis.speak = (voice) => window.spoken.push([voice.lang, voice.text]);"


def flawless(page: Page) -> None:
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('button, a, p, small, h1')].filter((e) => e.getClientRects().length)"
        ".filter((e) => parseFloat(getComputedStyle(e).fontSize) < 30"
        " || (e.matches('button, a') && e.getBoundingClientRect().height < 120)).map((e) => e.outerHTML)"
    )
    assert small == []


def catch_up(page: Page) -> None:
    """The page's clock ran ahead of the server's: let the page ask, by which it knows the difference again."""
    with page.expect_response("**/now"):
        page.clock.run_for(3000)


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_hold_calls_for_help_and_help_is_written_and_spoken(
    database_url: str, tmp_path: Path, browser_context: BrowserContext, broker: TestBroker
) -> None:
    with console_site(database_url, tmp_path, broker=broker.settings("svc-console")) as site:
        feed = site.console.feed
        wait_for(lambda: feed.broker_up and feed.database_up, 15, lambda: "not connected")
        site.conn.execute("UPDATE organisation SET phone = '0755-2222'")
        site.conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at) SELECT id, '139', '刘', 'Liu', '女儿', 'daughter', 1, now() FROM resident WHERE code = 'R1'"
        )
        path = panels.make(site.conn, site.keys, account(site.conn, "admin"), "gw-1", now(), "test")
        browser_context.add_cookies([{"name": "shouwang_theme", "value": "light", "url": site.address}])
        page = browser_context.new_page()
        page.add_init_script(LISTEN)
        page.set_viewport_size({"width": 1280, "height": 800})
        page.clock.install()
        page.goto(site.address + path)
        expect(page.locator("#day")).to_contain_text("星期")
        flawless(page)
        # the broker is away: it says so, and a press does not look heard
        broker.stop()
        wait_for(lambda: not site.console.feed.broker_up, 15, lambda: "the console does not notice")
        page.clock.run_for(4000)
        expect(page.locator("#lost")).to_contain_text("现在连不上，请按床头按钮或打电话")
        flawless(page)
        button = page.get_by_role("button", name="呼救")
        button.dispatch_event("pointerdown", {"button": 0})
        page.clock.run_for(1500)
        button.dispatch_event("pointerup", {"button": 0})
        page.clock.run_for(1000)
        expect(page.locator("body")).to_have_attribute("data-state", "calm")  # let go too soon
        catch_up(page)
        button.focus()
        page.keyboard.down("Enter")
        page.clock.run_for(2100)
        page.keyboard.up("Enter")
        expect(page.locator("#words")).to_contain_text("没有送出去！请按床头按钮，或打电话", timeout=15_000)
        expect(page.get_by_role("link", name="服务中心 0755-2222")).to_be_visible()
        flawless(page)
        # the broker is back: the same press goes out by itself
        broker.start()
        wait_for(lambda: site.console.feed.broker_up, 20, lambda: "no connection to the broker")
        page.clock.run_for(4000)
        expect(page.locator("#words")).to_contain_text("已送出")
        alert = site.alert(rule="sos")
        page.clock.run_for(4000)
        expect(page.locator("#words")).to_have_text("已收到，正在找人")
        lifecycle.act(site.conn, alert, "respond", Actor(None, "杨敏", "test"), now(), expected_version=1)
        page.clock.run_for(4000)
        expect(page.locator("#words")).to_have_text("杨敏正在路上")
        assert page.evaluate("parseFloat(getComputedStyle(document.getElementById('words')).fontSize)") >= 40
        assert page.evaluate("window.spoken.at(-1)") == ["zh-CN", "杨敏正在路上"]
        flawless(page)
        # the older emergency is still open: a new call goes out all the same, and is not answered by it
        tries: list[str] = []

        with losing(page, "**/press", lambda request: tries.append(request.url)):
            catch_up(page)
            page.get_by_role("button", name="再次呼救").focus()
            page.keyboard.down("Enter")
            page.clock.run_for(2100)
            page.keyboard.up("Enter")
            expect(page.locator("#words")).to_contain_text("没有送出去！", timeout=15_000)
            page.clock.run_for(4000)
            page.clock.run_for(4000)
            expect(page.locator("#words")).to_contain_text("没有送出去！")
            assert len(tries) > 1
            # the older one ends: the press that nobody has heard is not forgotten with it
            site.conn.execute("UPDATE alert SET state = 'resolved'")
            page.clock.run_for(4000)
            expect(page.locator("#words")).to_contain_text("没有送出去！")
            site.conn.execute("UPDATE alert SET state = 'responding'")
        page.clock.run_for(4000)
        expect(page.locator("#words")).to_contain_text("已送出，正在等")  # the older one's way says nothing of it
        assert lifecycle.follow_up(site.conn, alert, "again", now(), "再次报警", "again")
        page.clock.run_for(4000)
        expect(page.locator("#words")).to_have_text("再次呼救已收到。杨敏正在路上")
        flawless(page)
        # the server is gone: what it said last is said to be of then
        with losing(page, "**/now"):
            page.clock.run_for(14_000)
            expect(page.locator("#words")).to_have_text("断线前的消息：再次呼救已收到。杨敏正在路上")
        site.conn.execute("UPDATE alert SET state = 'resolved'")
        page.clock.run_for(4000)
        expect(page.locator("body")).to_have_attribute("data-state", "calm")
        with losing(page, "**/now"):
            page.clock.run_for(14_000)
            expect(page.locator("#lost")).to_be_visible()
            expect(page.locator("#clock")).to_be_hidden()


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_call_is_taken_back_and_cantonese_is_spoken_on_a_small_screen(
    database_url: str, tmp_path: Path, browser_context: BrowserContext, broker: TestBroker
) -> None:
    with console_site(database_url, tmp_path, broker=broker.settings("svc-console")) as site:
        feed = site.console.feed
        wait_for(lambda: feed.broker_up and feed.database_up, 15, lambda: "not connected")
        site.conn.execute("UPDATE resident SET languages = '{yue}'")
        add_services(site.conn, now())
        path = panels.make(site.conn, site.keys, account(site.conn, "admin"), "gw-1", now(), "test")
        browser_context.add_cookies([{"name": "shouwang_theme", "value": "night", "url": site.address}])
        page = browser_context.new_page()
        page.add_init_script(LISTEN)
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(site.address + path)
        expect(page.locator("#day")).to_contain_text("星期")
        flawless(page)
        page.get_by_role("button", name="呼救").click(delay=2200)
        expect(page.locator("#words")).to_contain_text("已送出")
        site.alert(rule="sos")
        site.conn.execute('UPDATE alert SET evidence = evidence || \'{"device": "panel"}\'')
        fine = page.get_by_role("button", name=re.compile("我没事"))
        fine.click()
        expect(page.locator("#words")).to_have_text("已取消，没事就好")
        assert site.conn.execute("SELECT state FROM alert").fetchone() == ("cancelled",)
        assert page.evaluate("window.spoken.at(-1)") == ["zh-HK", "已取消，没事就好"]
        browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        site.conn.execute(
            "WITH own AS (INSERT INTO meal_diet (resident_id, version, allergies, texture, said_by, said_on,"
            " recorded_at) SELECT id, 1, '{}', 'regular', 'resident', '2026-01-01', now() FROM resident"
            " WHERE code = 'R1') INSERT INTO meal_offer (canteen_id, day, meal, code, dishes, price_fen)"
            ' VALUES (%s, %s, \'lunch\', \'A\', \'[{"zh": "鲈鱼", "en": "sea bass", "allergens": ["fish"]}]\', 1500)',
            (add_canteen(site.conn), soon()),
        )
        page.reload()
        expect(page.get_by_role("button", name="Call for help")).to_be_visible()
        flawless(page)
        # two taps ask for a service; the call for help is on top of it, and a third takes it back
        page.get_by_role("button", name="I need a service").click()
        expect(page.get_by_role("button", name="Unwell, fallen: call for help")).to_be_in_viewport()
        flawless(page)
        page.get_by_role("button", name="A bath").click()
        expect(page.locator("#told-words")).to_contain_text("It is asked for.")
        assert page.evaluate("window.spoken.at(-1)[1]").startswith("It is asked for.")
        flawless(page)
        page.get_by_role("button", name="Back").click()
        expect(page.locator("#cards")).to_contain_text("bath at home: being arranged")
        flawless(page)
        page.get_by_role("button", name="Not needed any more").click()
        expect(page.locator("#told-words")).to_have_text("Taken back.")
        assert site.conn.execute("SELECT asked_by, state FROM service_request").fetchall() == [("panel", "withdrawn")]
        # a meal is the canteen's: its sets, one press
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="I need a service").click()
        page.get_by_role("button", name="A meal").click()
        expect(page.locator("#menu")).to_contain_text("sea bass")
        flawless(page)
        page.get_by_role("button", name="sea bass").click()
        expect(page.locator("#told-words")).to_contain_text("the canteen brings it")
        assert site.conn.execute("SELECT mode, state FROM meal_order").fetchall() == [("delivery", "ordered")]
