"""Accounts and the audit in a real browser: add, move with the consequence, search; on a telephone, by axe."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def looked_over(page: Page, *, narrow: bool = True) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, (page.url, [(one["id"], one["nodes"][0]["html"][:160]) for one in found])
    if narrow:
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
        page.set_viewport_size({"width": 1440, "height": 900})


def test_an_administrator_adds_and_moves_an_account_and_finds_it_in_the_audit(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.log_in(browser_context, "admin")
    page = browser_context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{site.address}/accounts")
    expect(page.locator("h1")).to_have_text("账号")
    looked_over(page)
    page.click("text=新建账号")
    page.fill("input[name=login]", "zhao")
    page.fill("input[name=name_zh]", "赵敏")
    page.fill("input[name=name_en]", "Zhao Min")
    page.select_option("select[name=role]", "dispatcher")
    page.select_option("select[name=area]", "sz.yt")
    looked_over(page)
    page.click("button.primary")
    expect(page.locator("#one-time")).to_have_text(re.compile(r"^(\w{4}-){3}\w{4}$"))
    page.click("text=已告知本人")
    expect(page.locator("h1")).to_have_text("赵敏")
    looked_over(page)
    page.locator("form[action='/accounts/of/zhao'] select[name=area]").select_option("sz.yt.hs")
    page.click("form[action='/accounts/of/zhao'] button")
    expect(page.locator(".consequence")).to_contain_text("现可查看 2 位老人，修改后为 1 位")
    looked_over(page)
    page.click("button.grave")
    expect(page.locator(".audit-lines")).to_contain_text("修改账号")
    page.click("text=在审计记录中查看全部")
    expect(page.locator("h1")).to_contain_text("审计")
    expect(page.locator(".audit-lines tbody tr").first).to_contain_text("zhao")
    page.click("text=立即校验")
    expect(page.locator("#wholeness")).to_contain_text("校验完整")
    looked_over(page)
    page.goto(f"{site.address}/audit/checkpoints")
    looked_over(page)
    page.goto(f"{site.address}/accounts/roles")
    looked_over(page)
