"""An escalation policy in the browser: a step is added, what changes is confirmed, a dry run shows the difference."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from dispatch.ladders import store
from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_a_policy_is_changed_tried_and_put_in_force(site: ConsoleSite, browser_context: BrowserContext) -> None:
    alert = site.alert(severity="urgent", rule="smoke")
    site.log_in(browser_context, "dispatcher")
    page = browser_context.new_page()
    page.goto(f"{site.address}/policies/urgent")
    page.get_by_role("button", name="添加一级").click()
    last = page.get_by_role("group", name="第 5 级", exact=True)
    expect(last).to_be_visible()
    expect(page.get_by_text("请至少选择一种机构")).to_be_visible()
    last.get_by_label("街道长者服务中心").check()
    page.locator("#step-1").get_by_label("距上一级").fill("0")
    page.get_by_role("button", name="保存并查看变化").click()
    expect(page.get_by_text("2 户中有 2 户的呼叫阶梯将改变")).to_be_visible()
    page.get_by_role("link", name="按上月预警试算").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("谁会在何时被呼叫")
    assert not Axe().run(page).response["violations"]
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/policies/urgent/dry-run/{alert}")
    expect(page.get_by_text("Nobody ever took it.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{site.address}/policies/urgent/confirm")
    page.get_by_role("button", name="Put in force for 2 homes").click()
    expect(page).to_have_url(f"{site.address}/policies")
    now = next(one for one in store.policies_now(site.conn) if one.code == "urgent")
    assert [step.after_s for step in now.steps] == [0, 0, 90, 120, 60]
