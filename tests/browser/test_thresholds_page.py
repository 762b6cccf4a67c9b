"""A threshold in the browser: whom a value concerns, saved and taken back; a preset with all that it changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_a_threshold_is_looked_at_tried_saved_and_taken_back(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.log_in(browser_context, "carer")
    page = browser_context.new_page()
    page.goto(f"{site.address}/parameters/one?scope=resident&key=R1&name=inactivity.floor")
    page.get_by_label("新值（留空为取消设置）").fill("5")
    page.get_by_role("button", name="查看影响").click()
    expect(page.locator("#wrong-value")).to_be_visible()
    page.get_by_label("新值（留空为取消设置）").fill("120")
    page.get_by_role("button", name="查看影响").click()
    expect(page.get_by_text("1 位老人中有 1 位的数值将改变")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="用最近 14 天的数据试算").click()
    expect(page.get_by_text("这些天没有存储数据，无法得出结论。")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="返回阈值").click()
    page.locator(".param-effect").get_by_label("原因").fill("午睡")
    page.get_by_role("button", name="保存，影响 1 位老人").click()
    page.get_by_role("button", name="撤销（30 秒内）").click()
    expect(page.get_by_text("撤销：午睡")).to_be_visible()
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/parameters/preset?resident=R1&name=condition.fall_risk")
    expect(page.get_by_text("By a clinician's word only")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_label("Reason").fill("Dr Li, 3 Nov")
    page.get_by_role("button", name="Put all of it in force").click()
    expect(page.locator("#conditions").get_by_text("in force", exact=True)).to_be_visible()
