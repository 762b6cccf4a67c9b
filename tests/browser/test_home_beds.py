"""A device of a home care bed is tested by a carer in the flat and accepted by what is heard of it, on open pages."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = pytest.mark.integration
MAT = "tuya-ts0601-bed"


def test_the_page_hears_the_device_and_it_is_accepted(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.conn.execute(
            "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'mat', %s, 'bedroom' FROM gateway"
            " WHERE name = 'gw-1'",
            (MAT,),
        )
        row = site.conn.execute(
            "WITH bed AS (INSERT INTO home_bed (resident_id, state, state_since, applied_at, applicant)"
            " SELECT id, 'installing', now(), now(), '女儿' FROM resident WHERE code = 'R1' RETURNING id)"
            " INSERT INTO home_bed_device (bed_id, room, model) SELECT id, 'bedroom', %s FROM bed RETURNING bed_id",
            (MAT,),
        ).fetchone()
        assert row is not None
        site.log_in(browser_context, "carer")
        flat = browser_context.new_page()
        flat.goto(f"{site.address}/mine")
        flat.get_by_role("link", name="待验收设备").click()
        flat.get_by_role("link", name="测试设备").click()
        flat.get_by_role("button", name="开始测试").click()
        expect(flat.locator("[data-known]")).to_contain_text("请在床上坐下，再起身")
        browser_context.set_offline(True)
        expect(flat.locator("[data-offline]")).to_contain_text("恢复连接前不会测试或通过任何设备")
        expect(flat.locator("[data-known]")).to_be_hidden()
        expect(flat.get_by_role("button", name="重新测试")).to_be_disabled()
        browser_context.set_offline(False)
        expect(flat.locator("[data-known]")).to_contain_text("未收到数据")

        site.log_in(browser_context, "station")
        page = browser_context.new_page()
        page.goto(f"{site.address}/care/beds/at/{row[0]}")
        expect(page.locator("#bed-live")).to_contain_text("起测试")
        part = page.locator(".bed-test")
        expect(part).to_contain_text("未收到数据")
        site.conn.execute(
            "WITH s AS (INSERT INTO series (device_id, channel) SELECT id, 'in_bed' FROM device WHERE name = 'mat'"
            " RETURNING id) INSERT INTO reading SELECT clock_timestamp(), id, 1 FROM s"
        )
        expect(page.locator("#bed-live")).to_contain_text("在床 1")
        expect(part).to_contain_text("在床 1")
        expect(flat.locator("[data-known]")).to_contain_text("在床 1")
        part.get_by_role("button", name="验收通过").click()
        expect(page.locator(".bed-test")).to_contain_text("某")
        assert site.conn.execute("SELECT accepted_how, heard_what FROM home_bed_device").fetchone() == (
            "heard", "in_bed",
        )  # fmt: skip
