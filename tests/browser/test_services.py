"""A carer's visit on the telephone: without a signal the check-in waits there, and counts as of its own time."""

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import store
from care_services.home_services.visits import codes
from tests.support.care_city import acting, add_services
from tests.support.console_site import console_site

pytestmark = pytest.mark.browser


def test_a_visit_is_checked_in_without_a_signal_and_checked_out(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    now = dt.datetime.now(dt.UTC)
    with console_site(database_url, tmp_path) as site:
        add_services(site.conn, now)
        station = acting(site.conn, "station", now)
        number = orders.add_single(site.conn, station, "R1", "bath", "center-1", now, staff="S1")
        paper = codes.paper(site.conn, station, "R1").paper
        assert browser_context.browser is not None
        phone = browser_context.browser.new_context(
            locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 390, "height": 844}, service_workers="allow"
        )
        site.log_in(phone, "carer")
        page = phone.new_page()
        page.goto(f"{site.address}/mine")
        page.locator("html[data-kept]").wait_for(state="attached")
        phone.set_offline(True)
        page.goto(f"{site.address}/mine")
        expect(page.locator("[data-offline]")).to_contain_text("保存在本机")
        page.get_by_role("link", name="打开服务单").click()
        expect(page.locator("#visit[data-ready]")).to_be_attached()
        page.get_by_label("入户码").fill(paper)
        page.get_by_role("button", name="用入户码签到").click()
        expect(page.locator("[data-unsent] li")).to_contain_text("有信号时发送")
        assert store.load(site.conn, number).state == "assigned"
        phone.set_offline(False)
        page.get_by_label("测量血压").check()
        page.get_by_label("备注").fill("一切正常")
        page.get_by_role("button", name="现在签退").click()
        expect(page.get_by_text(re.compile("已于 .* 完成"))).to_be_visible()
        found = store.load(site.conn, number)
        assert (found.state, found.checked_in_by, found.tasks_done, found.done_note) == (
            "checked_out", "code", [1], "一切正常",
        )  # fmt: skip
        phone.close()
