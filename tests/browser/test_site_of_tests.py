"""The cheap site of browser tests works: a login, an alert on the board."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = pytest.mark.browser


def test_an_alert_is_on_the_board(database_url: str, tmp_path: Path, browser_context: BrowserContext) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "dispatcher")
        site.alert()
        page = browser_context.new_page()
        page.goto(site.address)
        expect(page.locator(".q-row", has_text="跌倒")).to_be_visible()
