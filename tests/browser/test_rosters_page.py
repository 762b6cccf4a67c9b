"""A roster in the browser: the week as a grid, a leave with the hole it opens, undo; a list by day on a telephone."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import ConsoleSite, console_site, now
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.browser
MONDAY = now().astimezone(SHANGHAI).date()
MONDAY += dt.timedelta(days=7 - MONDAY.weekday())
"""Of the next week."""
WEEK = f"/rosters/center-1?week={MONDAY}"
WEDNESDAY = MONDAY + dt.timedelta(days=2)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        found.conn.execute("DELETE FROM roster WHERE staff_id NOT IN (SELECT id FROM staff WHERE code = 'S11')")
        yield found


def test_a_leave_is_planned_by_keyboard_shown_with_its_hole_and_taken_back(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.log_in(browser_context, "dispatcher")
    page = browser_context.new_page()
    page.goto(site.address + WEEK)
    expect(page.get_by_text("本周每个小时都有可联系的人在班")).to_be_visible()
    cell = page.get_by_role("link", name=f"员11 周三 {WEDNESDAY:%m-%d}：全天")
    page.get_by_role("link", name="员11 周一").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"员11，周三 {WEDNESDAY}")
    page.get_by_label("原因").fill("病假")
    page.get_by_role("button", name="先看结果").click()
    expect(page.get_by_role("heading", name="将出现 1 处空班")).to_be_visible()
    page.get_by_role("button", name="仍然执行（将出现 1 处空班）").click()
    expect(page.get_by_text("无人可联系值班").first).to_be_visible()
    expect(page.get_by_role("button", name="撤销（30 秒内）")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="撤销（30 秒内）").click()
    expect(page.get_by_text("本周每个小时都有可联系的人在班")).to_be_visible()
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site.address + WEEK)
    expect(page.get_by_role("heading", name=f"Wednesday {WEDNESDAY:%m-%d}")).to_be_visible()
    expect(page.locator("table.roster")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
