"""A record on a page: found, changed, its history, taken back; and a table with one wrong line."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.console_site import console_site
from tests.support.network import network

pytestmark = pytest.mark.browser
WRONG = (
    "老人编号,姓名,性别,出生日期,户编号,小区路径,住址\n"
    "R21,王一,女,1941-05-06,H21,sz.yt.hs.pw.c1,路21号\n"
    "R22,王二,女,昨天,H22,sz.yt.hs.pw.c1,路22号\n"
)


def no_finding(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


def test_a_grade_is_changed_and_taken_back_and_a_table_comes_in(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "admin")
        page = browser_context.new_page()
        page.goto(site.address + "/records/resident")
        page.get_by_label("姓名、编号、电话、地址").fill("R1")
        page.get_by_role("button", name="搜索", exact=True).click()
        expect(page.locator("table.listing tbody tr")).to_have_count(1)
        page.locator("table.listing").get_by_role("link", name="陈").click()
        page.get_by_role("link", name="修改", exact=True).click()
        page.get_by_label("能力等级").select_option("重度失能")
        page.get_by_role("button", name="保存").click()

        bar = page.locator(".undo-bar")
        expect(bar.locator("time")).to_contain_text("00:")
        expect(page.locator(".changes-table").first).to_contain_text("能力等级")
        expect(page.locator(".changes-table ins").first).to_have_text("重度失能")
        no_finding(page)
        bar.get_by_role("button", name="撤销").click()
        expect(page.locator(".changes-table tbody tr")).to_have_count(3)
        expect(page.locator(".record-fields")).to_contain_text("未知")
        stored = network(site.conn, "admin").get("resident", ("R1",))
        assert stored.record.ability_grade is None  # type: ignore[attr-defined]

        browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(site.address + "/imports/residents")
        page.locator("input[type=file]").set_input_files(
            {"name": "homes.csv", "mimeType": "text/csv", "buffer": WRONG.encode()}
        )
        page.get_by_role("button", name="Check, store nothing yet").click()
        expect(page.locator("#line-3")).to_contain_text("write a date such as 1941-05-06")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Store the good lines (1), leave the others out").click()
        expect(page.locator("main .notice[role=status]")).to_contain_text("Stored.")
        page.goto(site.address + "/records/area")
        page.locator("details.area-branch:not([open]) > summary").first.click()
        expect(page.locator(".area-below .area-below").first).to_contain_text("Place sz.yt.hs.pw")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
