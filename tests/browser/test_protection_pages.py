"""The protection picture in a browser: from the district down to one resident, in both languages, with its age."""

import datetime as dt
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from care_network.protection.observer import Observer
from tests.support.console_site import console_site, now
from tests.support.protected_district import World

pytestmark = pytest.mark.browser


def test_who_is_blind_for_what_is_found_from_the_district_down(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()
        page.goto(f"{site.address}/protection")
        expect(page.get_by_text("尚无结果：程序还没有核对过")).to_be_visible()  # and no zero that looks like good news
        sound(page)
        world = World(site.conn, 6, now(), areas=False)
        world.low.add(3)
        world.offline[2] = world.now - dt.timedelta(hours=1)
        world.line(2, "offline")
        world.speak()
        Observer(now()).look(site.conn, now())
        page.reload()
        expect(page.locator(".checked.good time")).to_contain_text("前")
        sound(page)
        page.get_by_role("link", name="地sz.yt.hs", exact=True).click()
        page.get_by_role("link", name="地sz.yt.hs.pw", exact=True).click()
        page.get_by_role("link", name="地sz.yt.hs.pw.c1", exact=True).click()
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name="王2", exact=True))
        expect(row.get_by_text("网关离线自").first).to_be_visible()
        expect(row.get_by_text("无守护")).to_have_count(7)
        sound(page)
        page.get_by_role("navigation", name="区域").get_by_role("link", name="地sz.yt", exact=True).click()
        page.locator("tr.whole td").nth(2).get_by_role("link", name="无守护").click()
        expect(page.get_by_role("heading", name="呼救：无守护")).to_be_visible()
        page.get_by_role("link", name="王2", exact=True).click()
        expect(page.locator(".guards").get_by_text("无守护")).to_have_count(7)
        sound(page, "section.protection")
        page.context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        page.goto(f"{site.address}/protection/history")
        expect(page.get_by_role("heading", name="Who lost protection, and for how long")).to_be_visible()
        sound(page)
        page.goto(f"{site.address}/protection?area=sz.yt.hs.pw.c1")
        expect(page.get_by_text("gateway offline since").first).to_be_visible()


def sound(page: Page, part: str = "main") -> None:
    """Nothing for axe to find."""
    found = Axe().run(page, context=part)
    assert not found.response["violations"], found.generate_report()
