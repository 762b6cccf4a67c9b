"""A street elder center's page in a browser: nobody to care for, then a bad evening, in both languages."""

import datetime as dt
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from care_network.protection.observer import Observer
from dispatch.orders import assigning
from tests.support.browser import settled
from tests.support.console_site import console_site, now
from tests.support.orders import ZHOU
from tests.support.protected_district import World

pytestmark = pytest.mark.browser


def test_a_center_sees_its_evening_and_takes_an_alert(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        page = browser_context.new_page()
        page.set_viewport_size({"width": 1366, "height": 768})
        page.goto(f"{site.address}/login")
        page.locator("input[name=login]").fill("station")
        page.locator("input[name=password]").fill("three words together")
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url(f"{site.address}/station")
        expect(page.get_by_text("守护是否完整，此刻不明")).to_be_visible()
        sound(page)
        world = World(site.conn, 4, now(), areas=False)
        world.dead[4, "button"] = world.now
        world.conn.execute("DELETE FROM reading WHERE series_id = %s", (world.series[4, "button", "signal_strength"],))
        world.offline[2] = world.now - dt.timedelta(hours=2)
        world.conn.execute(
            "UPDATE gateway SET state = 'offline', state_at = %s WHERE name = 'gp-2'", (world.offline[2],)
        )
        Observer(now()).look(site.conn, now())
        alert = site.alert()
        site.alert(rule="bed_exit", severity="urgent")
        other = site.alert("R2")  # another street's
        assigning.dispatch_alert(site.conn, site.console.crews, alert, ZHOU, now(), staff_code="S11")
        page.reload()
        concerns = page.get_by_role("region", name="需要关注的老人")
        expect(concerns.get_by_text("跌倒，倒地后未起身")).to_be_visible()
        expect(concerns.get_by_text("网关离线自")).to_be_visible()
        expect(concerns.get_by_text("无守护：呼救")).to_be_visible()
        expect(page.locator(f'a[href="/?a={other}"]')).to_have_count(0)
        expect(page.get_by_role("region", name="新建").get_by_role("listitem")).to_have_count(1)
        expect(page.get_by_role("region", name="值班").get_by_text("员11").first).to_be_visible()
        sound(page)
        page.set_viewport_size({"width": 768, "height": 1024})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        sound(page)
        concerns.get_by_role("button", name="接警").click()
        expect(page.get_by_text("已接警").first).to_be_visible()
        settled(page)
        page.context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        page.goto(f"{site.address}/station")
        expect(page.get_by_role("heading", name="Residents of concern")).to_be_visible()
        expect(page.get_by_role("region", name="Figures of the month")).to_contain_text(re.compile(r"[12]/2"))
        page.goto(f"{site.address}/station/phones")
        expect(page.get_by_role("row").filter(has_text="P11")).to_be_visible()
        sound(page)


def sound(page: Page) -> None:
    """Nothing for axe to find."""
    found = Axe().run(page, context="main")
    assert not found.response["violations"], found.generate_report()
