"""A bad address is a page in words, never raw JSON and never a 500; below /api/ it is JSON with words.

The page of the design system is looked at beside the page of an error: both show every component that they can.
"""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = [pytest.mark.integration, pytest.mark.browser]

WITHOUT_A_PAGE = ("/alerts/not-a-uuid", "/orders/1", "/no/such/page")
NOT_UNDERSTOOD = ("/sla?days=abc", "/sla?days=999999", "/gateways?state=dead")
WITH_NUL = (
    "/residents/%00",
    "/%00",
    "/residents?q=%00",
    "/static/%00.css",
    "/alerts/%00",
    "/?a=%00",
    "/styles/%00.css",
)
SURROGATES = ("/residents/%ED%A0%80", "/residents?q=%ED%A0%80", "/%FF")


def test_pages(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("dispatcher") as client:
        for path in (*WITHOUT_A_PAGE, *NOT_UNDERSTOOD, *WITH_NUL, *SURROGATES):
            answer = client.get(path)
            assert answer.status_code < 500, path
            assert answer.status_code < 400 or answer.headers["content-type"].startswith("text/html"), path
            if path in WITHOUT_A_PAGE:
                assert answer.status_code == 404, path
            if path in NOT_UNDERSTOOD:
                assert answer.status_code == 422, path
                assert "操作没有成功" in answer.text, path
        for path in ("/api/residents/%00/series?channel=heart_rate", "/api/residents/R1/series"):
            answer = client.get(path)
            assert 400 <= answer.status_code < 500, path
            assert {"message_zh", "message_en"} <= set(answer.json()), path


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_error_and_the_design_system_within_the_shell(
    database_url: str, tmp_path: Path, browser_context: BrowserContext, language: str
) -> None:
    with console_site(database_url, tmp_path) as site:
        browser_context.add_cookies([{"name": "shouwang_language", "value": language, "url": site.address}])
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()
        page.goto(site.address + "/sla?days=abc")
        expect(page.locator("#menu")).to_be_visible()
        expect(page.locator("main")).not_to_contain_text("{")
        assert not Axe().run(page).response["violations"]
        page.goto(site.address + "/design")
        expect(page.locator("[data-theme=night].design-sheet .tag")).to_have_count(4)
        assert not Axe().run(page).response["violations"]
