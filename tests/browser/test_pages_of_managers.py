"""Pages that managers and administrators look at: in words, on a telephone of 320 px, without a finding of axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser
PAGES = (
    "/parameters", "/pauses/H1", "/protection", "/protection/history", "/sla?by_shift=1", "/residents", "/alerts",
    "/gateways?show=all", "/operations", "/station/phones",
)  # fmt: skip
ELSEWHERE = ("/protection", "/gateways?show=all", "/station/phones", "/operations", "/pauses/H1")
"""Of which axe has seen the like in other tests."""


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_every_page_fits_320_px_and_axe_finds_nothing(site: ConsoleSite, browser_context: BrowserContext) -> None:
    site.alert()
    site.log_in(browser_context, "dispatcher")
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
    page = browser_context.new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    for path in PAGES:
        answer = page.goto(site.address + path)
        assert answer is not None and answer.status == 200, path  # noqa: PT018 - one thing: the page is there
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        if path in ELSEWHERE:
            continue
        found = Axe().run(page).response["violations"]
        assert not found, (path, [(one["id"], one["nodes"][0]["html"][:160]) for one in found])


def test_thresholds_have_headings_and_units_and_no_codes(site: ConsoleSite) -> None:
    with site.client("dispatcher") as client:
        text = client.get("/parameters").text
        assert "体征上下限" in text
        assert "15 分钟" in text
        assert "23 点" in text
        assert "<code>" not in text
        home = client.get("/pauses/H1").text
        assert "住户 H1" not in home
    with site.client("admin") as client:
        text = client.get("/parameters").text
        assert "<code>" not in text
        assert '<optgroup label="服务时限">' in text
