"""The dispatcher's desk in a real browser: a screen that never has to be left, by keyboard too, and no word is lost."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Route, expect

from care_network.records import provisioning
from care_network.records.records import NewHousehold, NewResident
from dispatch.alerts import lifecycle
from tests.support.browser import settled
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import C1, NOW
from tests.support.orders import ZHOU

pytestmark = pytest.mark.browser
NAMES = ("刘淑贞", "黄美玲", "韩建桂", "欧阳秀英", "王志远")


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def homes(site: ConsoleSite, count: int) -> list[str]:
    """Residents of their own in as many homes; their codes."""
    for number in range(count):
        home = NewHousehold(
            code=f"HX{number}", area=C1, address_zh=f"海晴苑{number % 9 + 1}栋{number + 101}",
            address_en=f"Block {number % 9 + 1} Flat {number + 101}",
        )  # fmt: skip
        provisioning.add_household(site.conn, home)
        resident = NewResident(
            code=f"X{number}", household=home.code, name_zh=NAMES[number % 5], name_en="Liu Shuzhen", sex="female",
            birth_date=dt.date(1940, 1, 1),
        )  # fmt: skip
        provisioning.add_resident(site.conn, resident, NOW.date())
    return [f"X{number}" for number in range(count)]


def desk(site: ConsoleSite, context: BrowserContext, path: str = "/", language: str = "zh") -> Page:
    site.log_in(context, "dispatcher")
    context.add_cookies([{"name": "shouwang_language", "value": language, "url": site.address}])
    page = context.new_page()
    page.goto(site.address + path)
    return page


def sound(page: Page) -> None:
    """Axe finds nothing on the page as it is."""
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found]


def test_from_a_new_alert_to_a_call_by_four_keys(site: ConsoleSite, browser_context: BrowserContext) -> None:
    page = desk(site, browser_context)
    expect(page.locator("#queue")).to_contain_text("没有待处置的预警")
    sound(page)
    page.mouse.move(700, 500)
    page.mouse.down()  # a press whose end never comes holds up no news
    alert = site.alert()
    expect(page.locator(f"#alert-{alert}")).to_be_visible()
    page.mouse.up()
    page.keyboard.press("Enter")  # with no row chosen: the first
    expect(page.locator("#detail h1")).to_contain_text("跌倒")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("a")  # opens what the focus is on, and takes it
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    page.keyboard.press("c")
    page.keyboard.press("1")
    expect(page.locator("#calls [data-open]")).to_be_visible()
    row = site.conn.execute("SELECT state FROM alert WHERE id = %s", (alert,)).fetchone()
    assert row == ("acknowledged",)
    page.locator("#calls [data-answered]").click()
    page.get_by_role("button", name="结束通话").click()
    expect(page.locator("#p-sla li.done", has_text="联系")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.locator("#keys-on").uncheck()  # single keys can be switched off
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#panel-n")).to_be_hidden()


def test_what_somebody_types_survives_a_change(site: ConsoleSite, browser_context: BrowserContext) -> None:
    alert = site.alert()
    page = desk(site, browser_context, f"/?a={alert}")
    page.keyboard.press("n")
    page.keyboard.type("女儿在路上")
    lifecycle.act(site.conn, alert, "acknowledge", ZHOU, now(), expected_version=1)
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    expect(page.locator("#changed")).to_be_visible()
    expect(page.locator("#panel-n textarea")).to_be_focused()
    expect(page.locator("#panel-n textarea")).to_have_value("女儿在路上")
    page.locator("#panel-n").get_by_role("button", name="记下备注").click()
    expect(page.locator("#message")).to_contain_text("周敏")  # who changed it, and the words are still there
    page.locator("#panel-n").get_by_role("button", name="记下备注").click()
    expect(page.locator("#panel-n")).to_be_hidden()
    page.get_by_role("tab", name="处置经过").click()
    expect(page.locator(".history")).to_contain_text("女儿在路上")
    page.keyboard.press("r")
    page.get_by_label("属实，已送医").check()
    expect(page.locator("#panel-r select[name=injury]")).to_be_visible()
    page.get_by_label("误报，老人误触").check()
    expect(page.locator("#panel-r select[name=injury]")).to_be_hidden()
    page.locator("#panel-r").get_by_role("button", name="办结").click()
    expect(page.locator("#p-title .state")).to_have_text("已办结")
    sound(page)
    page.emulate_media(media="print")
    expect(page.locator(".d-signature")).to_be_visible()
    expect(page.locator(".history")).to_be_visible()
    for gone in (".top", ".desk-queue", "[role=tablist]"):
        expect(page.locator(gone).first).to_be_hidden()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_forty_nine_alerts_keep_their_lines_and_the_place(
    site: ConsoleSite, browser_context: BrowserContext, language: str
) -> None:
    rules = ("fall", "sos", "news2", "news2_trend", "gateway_silent", "device_silent", "inactivity")
    grave = ("emergency", "urgent", "urgent", "attention", "technical", "technical", "urgent")
    for number, code in enumerate(homes(site, 48)):
        raised_at = now() - dt.timedelta(seconds=90 + 700 * number)  # apart: none of them is a group
        site.alert(code, rules[number % 7], grave[number % 7], raised_at)
    first = site.alert()
    page = desk(site, browser_context, language=language)
    page.set_viewport_size({"width": 1366, "height": 768})
    heights = page.locator(".q-row").evaluate_all("rows => [...new Set(rows.map((row) => row.offsetHeight))]")
    assert heights == [64]
    lines = page.locator(".q-who").evaluate_all("all => Math.max(...all.map((one) => one.offsetHeight))")
    assert lines <= 26, "a name stands on two lines"
    pane = page.locator(".desk-queue")
    page.locator(".q-row a").nth(15).click()
    expect(page.locator("#detail h1")).to_be_focused()
    scrolled = pane.evaluate("pane => pane.scrollTop")
    assert scrolled > 300
    opened = page.url
    site.alert("R2")  # news: the list stays where it is, the alert stays open
    expect(page.locator(".q-who-filter [aria-current] b")).to_have_text("50")
    assert pane.evaluate("pane => pane.scrollTop") == scrolled
    assert page.url == opened
    sound(page)
    page.go_back()
    expect(page.locator("#alert")).to_have_count(0)
    page.go_forward()
    expect(page.locator("#alert")).to_be_visible()
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("[data-back]").first.click()
    expect(page.locator(f"#alert-{first}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#toasts button").first.click()  # the news of R2, which came above the part that was in view
    page.locator("#section-technical").click()
    page.locator(".q-row.technical a").first.click()
    expect(page.locator("#calls")).to_be_visible()
    expect(page.locator("#calls")).not_to_contain_text("120")
    expect(page.locator("#p-actions")).not_to_contain_text("到达" if language == "zh" else "Arrived")
    page.locator("#p-actions [data-key=r]").click()
    expect(page.locator("#panel-r input[type=radio]")).to_have_count(5)  # what can happen to a device
    sound(page)


def test_two_alerts_of_one_event_and_the_ways_back(site: ConsoleSite, browser_context: BrowserContext) -> None:
    first, second = site.alert(), site.alert(rule="sos")
    page = desk(site, browser_context, f"/?a={first}")
    expect(page.locator("#p-together")).to_contain_text("同一事件")
    page.keyboard.press("m")
    expect(page.locator("#p-together")).to_contain_text("已并入")
    expect(page.locator(".q-row")).to_have_count(1)  # the other follows
    page.locator("#p-procedure [role=checkbox]").first.click()  # a step of the card is an entry of the history
    expect(page.locator("#p-procedure .done")).to_have_count(1)
    page.keyboard.press("r")
    page.get_by_label("属实，已电话处理").check()
    page.locator("#panel-r").get_by_role("button", name="办结").click()
    expect(page.locator("#p-title .state")).to_have_text("已办结")
    page.get_by_role("button", name="撤销办结").click()
    expect(page.locator("#p-title .state")).to_have_text("未接警")
    lead = site.conn.execute("SELECT merged_into FROM alert WHERE merged_into IS NOT NULL").fetchone()
    assert lead is not None
    assert lead[0] in (first, second)
    silent = site.alert("R2", "gateway_silent", "technical")
    page.goto(f"{site.address}/?a={silent}")
    page.locator(".d-more summary").click()
    page.get_by_role("button", name="8 小时").click()
    expect(page.locator("#tabpanel-history")).to_contain_text("暂缓至")
    expect(page.locator("#section-technical")).to_have_count(0)  # it rests


def test_keys_act_on_the_alert_that_was_asked_for(site: ConsoleSite, browser_context: BrowserContext) -> None:
    first, second = site.alert(), site.alert("R2", "sos")
    page = desk(site, browser_context, f"/?a={first}")
    page.keyboard.press("n")
    page.keyboard.type("女儿在路上")
    page.keyboard.press("Escape")
    held: list[Route] = []
    page.route(f"**/alerts/{second}/detail", lambda route: held.append(route))
    page.locator(f"#alert-{second} a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/?a={second}")
    page.keyboard.press("a")  # the other one is not there yet, and the first is still shown
    expect(page.locator("#detail")).to_have_attribute("aria-busy", "true")
    page.wait_for_function("() => document.getElementById('detail').inert")
    held[0].continue_()
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    expect(page.locator(f"#alert[data-alert='{second}']")).to_be_visible()
    rows = dict(site.conn.execute("SELECT id, state FROM alert").fetchall())
    assert rows == {first: "raised", second: "acknowledged"}
    page.locator(f"#alert-{first} a").click()
    expect(page.locator("#panel-n textarea")).to_have_value("女儿在路上")  # nothing typed is lost
    page.locator("#panel-n textarea").fill("")
    page.keyboard.press("Escape")
    lifecycle.act(site.conn, first, "acknowledge", ZHOU, now(), expected_version=1)
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    page.keyboard.press("t")  # a colleague has it: it becomes one's own
    expect(page.locator("#p-title .q-owner.mine")).to_be_visible()
    page.keyboard.press("r")
    page.get_by_label("属实，已电话处理").check()
    page.locator("#panel-r").get_by_role("button", name="办结").click()
    expect(page.locator("#p-title .state")).to_have_text("已办结")
    settled(page)
    page.keyboard.press("u")
    expect(page.locator("#p-title .state")).to_have_text("已接警")
    site.alert("R2", "fall")
    expect(page.locator("#nearest")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")  # "g o", and not the "o" of the nearest alert
    expect(page.locator("#menu a[href='/orders']")).to_have_attribute("aria-current", "page")
    assert page.url.endswith("/orders")
