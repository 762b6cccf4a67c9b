"""The decision page in the browser: area and months, a figure and its list, a workbook; zh, en, a telephone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from figures.core import months
from figures.counting.refresh import refresh
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.pasts import PENDANTS, something_happens

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        found.conn.execute(PENDANTS)
        found.conn.execute("UPDATE gateway SET registered_at = now() - INTERVAL '80 days', state = 'online'")
        something_happens(found.conn, np.random.default_rng(5), 40, now())
        list(refresh(found.conn, now()))
        yield found


def test_from_the_district_to_a_figure_its_list_and_a_workbook(
    site: ConsoleSite, browser_context: BrowserContext, tmp_path: Path
) -> None:
    site.log_in(browser_context, "admin")
    page = browser_context.new_page()
    page.goto(f"{site.address}/")
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="智慧决策").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("智慧决策")
    expect(page.locator("#alerts .fig-sentence")).to_contain_text("共 40 次预警")
    assert page.locator("svg.figure").count() >= 8
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:160]) for one in found]
    # another area, and one month to today: the latest in which something happened there
    page.locator("select[name=area]").select_option("sz.yt.hs")
    latest = site.conn.execute(
        "SELECT max(raised_at) FROM alert a JOIN household h ON h.id = a.household_id JOIN area p ON p.id = h.area_id"
        " WHERE p.path <@ 'sz.yt.hs'"
    ).fetchone()
    assert latest is not None
    page.get_by_label("起始月份").fill(months.code(months.month_at(latest[0])))
    page.get_by_role("button", name="显示").click()
    expect(page.locator(".heading")).to_contain_text("地sz.yt.hs")
    figure = page.locator("#alerts table").first.get_by_role("row", name="合计").get_by_role("link").first
    total = figure.inner_text()
    figure.click()
    expect(page.locator("#total")).to_have_text(total)
    expect(page.locator("table.listing tbody tr")).to_have_count(int(total))
    page.get_by_role("link", name="返回统计").click()
    with page.expect_download() as loading:
        page.get_by_role("link", name="工作簿（XLSX）").click()
    file = tmp_path / "figures.xlsx"
    loading.value.save_as(file)
    assert openpyxl.load_workbook(file)["预警"]["B2"].value == "地sz.yt.hs"
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/decisions?compare=year")
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.locator("#outlook")).to_contain_text("Not enough months")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
