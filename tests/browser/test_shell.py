"""The shell of the staff's pages: sound, title and socket survive navigation; news reach whoever works elsewhere."""

from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.support.browser import losing
from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser
COUNT_TONES = """
window.tones = 0;
const create = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones += 1; return create.call(this); };
"""
PATHS = ("/residents", "/orders", "/handovers", "/sla")
SEEN = "UPDATE gateway SET state = 'online', state_at = now()"


def open_page(site: ConsoleSite, context: BrowserContext, path: str, login: str = "dispatcher") -> Page:
    site.log_in(context, login)
    context.add_init_script(COUNT_TONES)
    page = context.new_page()
    page.goto(site.address + path)
    expect(page.locator("#health")).to_be_visible()
    return page


def rings(page: Page) -> None:
    """Wait until it rings once more."""
    page.wait_for_function("before => window.tones > before", arg=page.evaluate("window.tones"), timeout=20_000)


def test_sound_and_title_survive_twenty_navigations(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        page = open_page(site, browser_context, "/")
        expect(page.locator("#unarmed")).to_contain_text("声音未开启")
        page.get_by_role("button", name="开启并试听").click()
        expect(page.locator("#unarmed")).to_be_hidden()
        assert page.evaluate("window.tones") == 2, "it is heard at once"
        site.alert()
        expect(page.locator("#nearest")).to_be_visible()
        page.evaluate("window.same = true")
        for turn in range(20):
            path = PATHS[turn % len(PATHS)]
            page.locator(f"#menu a[href='{path}']").click()
            expect(page.locator(f"#menu a[href='{path}']")).to_have_attribute("aria-current", "page")
            assert page.title().startswith("(1) ▲ ")
        # The last press counts: a page that comes later, itself or what it needs, does not take its place.
        held: list[Route] = []
        page.route("**/map/map.js", lambda route: held.append(route))
        page.locator("#menu a[href='/map']").click()
        expect(page.locator("head script[src*='/map/map.js']")).to_have_count(1)
        page.locator(f"#menu a[href='{PATHS[-1]}']").click()
        expect(page.locator(f"#menu a[href='{PATHS[-1]}']")).to_have_attribute("aria-current", "page")
        held[0].continue_()
        page.evaluate("import('/static/map/map.js')")
        expect(page.locator(f"#menu a[href='{PATHS[-1]}']")).to_have_attribute("aria-current", "page")
        assert page.url.endswith(PATHS[-1])
        assert page.evaluate("window.same"), "no page was loaded anew"
        assert page.url.endswith(PATHS[-1])
        rings(page)
        assert page.locator("link[rel=icon]").get_attribute("href", timeout=1000).startswith("data:image/png")  # type: ignore[union-attr]
        page.go_back()
        expect(page.locator("#menu a[href='/handovers']")).to_have_attribute("aria-current", "page")
        assert page.evaluate("window.same")
        assert page.evaluate("document.activeElement.id") == "main"
        page.locator("#menu a[href='/']").click()  # the board's own scripts begin again within the shell
        expect(page.locator(".q-row")).to_have_count(1)
        site.alert("R2", "sos", "urgent")
        expect(page.locator(".q-row")).to_have_count(2)
        assert page.evaluate("window.same")
        page.locator("#menu a[href='/orders']").click()
        expect(page.locator("#menu a[href='/orders']")).to_have_attribute("aria-current", "page")
        page.reload()
        expect(page.locator("#health")).to_be_visible()
        page.locator("#menu a[href='/sla']").click()  # the first gesture arms what was armed before, and is not lost
        expect(page.locator("#menu a[href='/sla']")).to_have_attribute("aria-current", "page")
        expect(page.locator("#unarmed")).to_be_hidden()
        rings(page)


def test_news_reach_whoever_works_elsewhere(database_url: str, tmp_path: Path, browser_context: BrowserContext) -> None:
    with console_site(database_url, tmp_path) as site:
        page = open_page(site, browser_context, "/orders")
        expect(page.locator("#nearest")).to_be_hidden()
        page.get_by_role("button", name="开启并试听").click()
        heard = page.evaluate("window.tones")
        alert = site.alert(rule="sos")
        toast = page.locator(".toast.emergency")
        expect(toast).to_contain_text("新的紧急预警")
        page.wait_for_function("before => window.tones > before", arg=heard)
        assert page.title().startswith("(1) ▲ ")
        page.keyboard.press("/")
        page.keyboard.type("o")
        assert page.url.endswith("/orders"), "no key acts while somebody writes"
        page.keyboard.press("Escape")
        page.locator("h1").click()
        page.keyboard.press("o")
        page.wait_for_url(f"**/?a={alert}")
        expect(toast).to_have_count(0)
        with site.client("dispatcher") as colleague:
            assert colleague.post(f"/api/alerts/{alert}/acknowledge", json={"version": 1}).status_code == 200
        expect(page.locator("#nearest")).to_be_hidden()
        assert not page.title().startswith("(")


def test_blindness_is_told_and_leads_to_the_list(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.conn.execute("INSERT INTO gateway (name, household_id) SELECT 'gw-' || code, id FROM household")
        page = open_page(site, browser_context, "/")
        bar = page.locator(".bar[data-code=all_dark]")
        expect(bar).to_contain_text("失去监测：此刻看不到任何住户")
        calm = page.locator("[data-calm]")
        expect(calm).to_have_class("calm unknown")
        bar.get_by_role("link").click()
        expect(page.get_by_role("heading", name="失去监测的住户")).to_be_visible()
        expect(page.locator("tbody .seen.unknown").first).to_have_text("未知")
        site.conn.execute(SEEN)
        expect(bar).to_have_count(0)
        page.locator("#menu a[href='/']").click()
        expect(calm).to_have_class("calm unknown")
        expect(page.locator(".bar[data-code=undetected]")).to_be_visible()  # homes are heard, and nobody detects
        assert not Axe().run(page).response["violations"]
        assert page.title().startswith("⚠ ")


def test_without_scripts_every_link_and_form_works(database_url: str, tmp_path: Path, browser: Browser) -> None:
    with (
        console_site(database_url, tmp_path) as site,
        closing(browser.new_context(java_script_enabled=False)) as context,
    ):
        site.log_in(context, "dispatcher")
        page = context.new_page()
        page.goto(site.address + "/residents")
        assert "浏览器未启用脚本" in page.content(), (
            "within <noscript>, which this browser does not draw by remote control"
        )
        page.locator("#menu a[href='/orders']").click()
        assert page.url.endswith("/orders")
        page.get_by_role("button", name="夜间配色").or_(page.get_by_role("button", name="日间配色")).click()
        assert page.url.endswith("/orders")
        page.locator(".who").click()
        page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator("#menu a[href='/orders']")).to_have_text("Work orders")


def test_night_is_chosen_kept_and_never_white(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        browser_context.add_cookies([{"name": "shouwang_theme", "value": "light", "url": site.address}])
        page = open_page(site, browser_context, "/residents")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="夜间配色").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "night")
        assert page.url.endswith("/residents")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        answer = browser_context.request.get(site.address + "/login", max_redirects=0)
        assert answer.status == 303, "who is logged in goes on"
        browser_context.clear_cookies(name="shouwang_session")
        page.goto(site.address + "/orders?state=done")
        assert page.url.endswith("/login?next=/orders%3Fstate%3Ddone")
        expect(page.locator("html")).to_have_attribute("data-theme", "night")
        assert not Axe().run(page).response["violations"]


def test_a_page_whose_scripts_did_not_start_says_so(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()
        bar = page.locator("#unstarted")
        with losing(page, "**/shell/shell.js"):
            page.goto(site.address)
            expect(bar).to_be_hidden()  # it may still come
            bar.evaluate("bar => bar.getAnimations().forEach((one) => one.finish())")  # ten seconds later
            expect(bar).to_be_visible()
            expect(bar).to_contain_text("请刷新页面")
        page.reload()
        expect(page.locator("#health")).to_be_visible()
        expect(bar).to_have_count(0)
