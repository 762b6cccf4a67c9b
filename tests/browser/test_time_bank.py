"""In a browser: a request, the best volunteer asked, their yes by the link on a telephone."""

import datetime as dt
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site
from tests.support.time_bank import asked, managers, volunteer

pytestmark = pytest.mark.browser


def test_a_volunteer_is_asked_and_says_yes_by_the_link(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    now = dt.datetime.now(dt.UTC)
    with console_site(database_url, tmp_path) as site:
        by, _ = managers(site.conn)
        volunteer(site.conn, by, now)
        number = asked(site.conn, by, now)
        site.log_in(browser_context, "station")
        page = browser_context.new_page()
        page.goto(f"{site.address}/care/time-bank/requests/{number}")
        expect(page.get_by_text("会说普通话")).to_be_visible()
        page.get_by_role("button", name="询问", exact=True).click()
        expect(page.get_by_text("通过只发给本人的链接答复")).to_be_visible()
        (subject, code) = site.conn.execute(
            "SELECT signed ->> 'subject', to_key FROM care_notice WHERE key LIKE 'offer/%' ORDER BY id DESC LIMIT 1"
        ).fetchone() or ("", "")
        until = now + dt.timedelta(days=9)
        link = f"{site.address}/help/{site.keys.sign('time_help', subject, f'volunteer:{code}', until)}"
        phone = browser_context.new_page()
        phone.set_viewport_size({"width": 390, "height": 844})
        phone.goto(link)
        phone.get_by_role("button", name="能，我会去").click()
        expect(phone.get_by_text("谢谢。服务结束后请在此登记时长。")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        page.reload()
        expect(page.get_by_text("已接受").first).to_be_visible()
