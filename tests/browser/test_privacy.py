"""The register of consents in the browser: what a withdrawal ends is said before it is done, and then it is done."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = pytest.mark.browser


def test_a_station_withdraws_a_contact_by_telephone(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at) SELECT id, '139', '陈丽', 'Chen Li', '女儿', 'daughter', 1, now() FROM resident"
            " WHERE code = 'R1'"
        )
        site.log_in(browser_context, "station")
        page = browser_context.new_page()
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{site.address}/care/consents/R1")
        assert not Axe().run(page).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("link", name="撤回同意 紧急情况联系家属 陈丽").click()
        expect(page.get_by_text("不再致电女儿陈丽")).to_be_visible()
        expect(page.get_by_text("此后没有可以致电的家属")).to_be_visible()
        page.get_by_label("表示方式").select_option("telephone")
        assert not Axe().run(page).response["violations"]
        page.get_by_role("button", name="撤回同意").click()
        expect(page.get_by_text("此刻起处处生效")).to_be_visible()
        assert site.conn.execute("SELECT consent_at FROM contact WHERE phone = '139'").fetchone() == (None,)
