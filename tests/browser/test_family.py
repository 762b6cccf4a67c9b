"""The family's page on a telephone: it keeps itself true, keeps what is typed, and never calmer than what is known."""

import datetime as dt
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from tests.support.browser import losing
from tests.support.console_site import console_site, now
from tests.support.families import furnish, speak

pytestmark = pytest.mark.browser
YANG = Actor(None, "杨敏", "test")


def flawless(page: Page) -> None:
    """No finding of axe, nothing wider than the screen, every target of 60 px."""
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('main button, main a, main summary, main label.choice')]"
        ".filter((e) => e.getClientRects().length && e.getBoundingClientRect().height < 59.5).map((e) => e.outerHTML)"
    )
    assert small == []


def test_the_sentence_follows_what_happens_and_turns_grey_by_itself(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        furnish(site.conn)
        speak(site.conn, now())
        site.conn.execute("UPDATE organisation SET phone = '0755-2222'")
        site.log_in(browser_context, "daughter")
        page = browser_context.new_page()
        page.set_viewport_size({"width": 390, "height": 844})
        page.clock.install()
        # a telephone whose net lets no socket through: asking is all it has
        page.add_init_script("window.WebSocket = class { close() {} };")
        page.goto(f"{site.address}/family")
        card = page.locator(".kin-card")
        said = page.locator(".kin-words")
        expect(card).to_have_attribute("data-colour", "green")
        expect(said).to_contain_text("目前没有异常")
        flawless(page)
        # what is typed stays while the sentence changes
        page.get_by_text("我联系不上").click()
        page.locator(".kin-no-contact textarea").fill("门锁着")
        alert = site.alert()
        page.clock.run_for(5000)
        expect(card).to_have_attribute("data-colour", "red")
        expect(said).to_contain_text("还没有人接警")
        expect(page.locator(".kin-way li.done")).to_have_count(1)
        expect(page.locator(".kin-no-contact textarea")).to_have_value("门锁着")
        flawless(page)
        # of several the one that nobody has comes first, as in the sentence
        other = site.alert(rule="sos")
        lifecycle.act(site.conn, alert, "respond", YANG, now(), expected_version=1)
        page.clock.run_for(5000)
        expect(page.locator(".kin-way h2")).to_have_text([re.compile("紧急呼救"), re.compile("跌倒")])
        flawless(page)
        # the page of one alert follows it by itself, too
        single = browser_context.new_page()
        single.set_viewport_size({"width": 390, "height": 844})
        single.goto(f"{site.address}/family/R1/alerts/{other}")
        expect(single.locator(".kin-card")).to_have_attribute("data-colour", "red")
        flawless(single)
        lifecycle.act(site.conn, other, "resolve", YANG, now(), expected_version=1, outcome="reassured")
        expect(single.locator(".kin-words")).to_contain_text("已办结：属实，已电话处理")
        expect(single.locator(".kin-card")).to_have_attribute("data-colour", "grey")
        flawless(single)
        single.close()
        page.clock.run_for(5000)
        expect(card).to_have_attribute("data-colour", "amber")
        expect(said).to_contain_text(re.compile(r"杨敏 \d\d:\d\d 出发，正在路上"))
        expect(page.locator(".kin-way li.done")).to_have_count(3)
        site.conn.execute("UPDATE alert SET state = 'cleared'")
        site.conn.execute("UPDATE gateway SET state = 'offline'")
        page.clock.run_for(5000)
        expect(card).to_have_attribute("data-colour", "grey")
        expect(said).to_contain_text("与家中设备失去联系")
        site.conn.execute("UPDATE gateway SET state = 'online'")
        page.clock.run_for(5000)
        expect(card).to_have_attribute("data-colour", "green")
        # nobody answers any more: ten seconds later it is not green
        with losing(page, "**/family/now"):
            page.clock.run_for(11_500)
            expect(page.locator("#stale")).to_contain_text(re.compile(r"这是 1\d 秒前的情况"))
            grey = page.evaluate(
                "[getComputedStyle(document.querySelector('.kin-said')).color,"
                " getComputedStyle(document.querySelector('.kin-age')).color]"
            )
            assert grey[0] == grey[1], "a stale sentence has the colour of what is unknown"
            assert page.title().startswith("? ")
            flawless(page)
        # two parents: a card each, and what each offers has a name of its own
        site.conn.execute("UPDATE resident SET name_zh = '欧阳建国' WHERE code = 'R2'")
        site.conn.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R2'"
        )
        page.reload()
        expect(page.locator(".kin-card")).to_have_count(2)
        flawless(page)
        # the numbers of today: large type, and tiles that renew themselves
        page.goto(f"{site.address}/residents/R1")
        assert Axe().run(page).response["violations"] == []
        with page.expect_response("**/residents/R1/now"):
            page.clock.run_for(6000)


def test_size_of_type_other_language_small_screen_and_the_circle(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        furnish(site.conn)
        speak(site.conn, now() - dt.timedelta(minutes=20))
        site.log_in(browser_context, "daughter")
        browser_context.add_cookies([{"name": "shouwang_theme", "value": "light", "url": site.address}])
        page = browser_context.new_page()
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(f"{site.address}/family")
        page.get_by_role("button", name="特大").click()
        expect(page.locator("body")).to_have_css("font-size", "30px")
        flawless(page)
        browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        page.reload()
        expect(page.locator("body")).to_have_css("font-size", "30px")
        expect(page.locator(".kin-words")).to_contain_text("No contact with the devices at home for 20 min")
        assert not re.search(
            "[\u4e00-\u9fff]", page.locator(".kin-card").inner_text().replace("陈", "").replace("某", "")
        )
        flawless(page)
        # with a socket an alarm is there at once: the page's clock stands still here, it does not ask by itself
        page.clock.install()
        page.reload()
        site.alert()
        expect(page.locator(".kin-words")).to_contain_text("nobody has taken it yet", ignore_case=True)
        page.get_by_role("link", name="Who sees what").click()
        flawless(page)
        page.get_by_role("link", name="Leave the circle").click()
        expect(page.get_by_text("You will see nothing of Chen any more")).to_be_visible()
        flawless(page)
        page.get_by_role("button", name="Leave the circle").click()
        expect(page.get_by_text("Nobody has agreed")).to_be_visible()
        page.goto(f"{site.address}/family-app/offline")
        expect(page.get_by_text("现在不知道家里的情况")).to_be_visible()
        flawless(page)
