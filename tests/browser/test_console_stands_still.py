"""A console, or its database, that stands still is red on every page within 10 s, and all is well again afterwards."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from care_network.access import sessions
from console.shell.security import COOKIE
from tests.browser.test_desk_hears import CUT, HEAR, heard
from tests.support.console import broker_away
from tests.support.console_site import console_site, now
from tests.support.databases import logins_of_console, of_service
from tests.support.lines import SilentLine
from tests.support.network import account
from tests.support.orders import raise_alert, staff_city
from tests.support.services import Service, wait_for

pytestmark = pytest.mark.browser
RED_S = 10.0
SLACK_S = 2.0
"""A busy machine, and the second in which the page looks next."""


@contextmanager
def process(database_url: str, folder: Path) -> Iterator[tuple[Service, str]]:
    """The console as a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with broker_away() as broker:
        service = Service(
            "console", broker, folder, SHOUWANG_DATABASE_URL=of_service(database_url, "console"),
            SHOUWANG_CONSOLE_PORT=str(port),
            **{f"SHOUWANG_CONSOLE_{name.upper()}": url for name, url in logins_of_console(database_url).items()},
        )  # fmt: skip
        service.start()
        try:
            wait_for(lambda: _answers(port), 30, service.log)
            yield service, f"http://127.0.0.1:{port}"
        finally:
            service.send(signal.SIGCONT)
            service.kill()


def _answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def hears(page: Page) -> None:
    """Wait until the page has heard a beat and the platform's parts are known."""
    expect(page.locator("#health")).not_to_have_text("连接中⋯⋯")
    expect(page.locator("#health")).to_be_visible()


def test_a_frozen_console_is_red_on_every_page(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        alert = raise_alert(conn, now(), "emergency", "fall", "R1")
        with process(database_url, tmp_path) as (service, address):
            token = sessions.open_session(conn, account(conn, "dispatcher"), "127.0.0.1", now())
            browser_context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
            browser_context.add_init_script(HEAR)
            pages = [browser_context.new_page() for _ in range(2)]
            for page, path in zip(pages, (f"/alerts/{alert}", "/residents"), strict=True):
                page.goto(address + path)
                hears(page)
            pages[1].get_by_role("button", name="开启并试听").click()
            expect(pages[1].locator("#unarmed")).to_be_hidden()
            frozen_at = time.monotonic()
            service.send(signal.SIGSTOP)
            for page in pages:
                page.locator(".bar.cut[data-code=cut]").wait_for(timeout=(RED_S + SLACK_S) * 1000)
                assert page.title() == "⚠ 断线 · 守望"
                expect(page.locator("#health")).to_contain_text("断线")
            assert time.monotonic() - frozen_at < RED_S + SLACK_S
            assert heard(pages[1])[-3:] == CUT, "three low tones, and no ring of what may be over"
            assert "实时连接" not in pages[0].inner_text("body")
            for clock in pages[0].locator("time[data-since], time[data-until]").all():
                assert clock.text_content() == "—"
            pages[0].locator(f"form[action='/alerts/{alert}/acknowledge'] button").first.click()
            expect(pages[0].get_by_text("未送达，正在重试")).to_be_visible()
            service.send(signal.SIGCONT)
            for page in pages:
                expect(page.locator(".bar.cut[data-code=cut]")).to_have_count(0)
            expect(pages[0].get_by_text("未送达，正在重试")).to_have_count(0)
            state = "SELECT state FROM alert WHERE id = %s"
            wait_for(lambda: conn.execute(state, (alert,)).fetchone() == ("acknowledged",), 10, service.log)


def test_a_silent_database_is_red_and_no_page_waits_for_it(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with SilentLine(database_url) as line, console_site(database_url, tmp_path, through=line.url) as site:
        site.conn.execute("UPDATE household SET phone = '0755-2500' WHERE code = 'H1'")
        alert = site.alert()
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()
        page.goto(site.address)
        hears(page)
        silent_at = time.monotonic()
        line.silence()
        bar = page.locator(".bar.cut[data-code=stuck], .bar.cut[data-code=database]")
        bar.wait_for(timeout=(RED_S + SLACK_S) * 1000)
        assert time.monotonic() - silent_at < RED_S + SLACK_S
        page.locator(f"#alert-{alert} a").click()  # what the page knows by itself: whom to call
        expect(page.locator("#detail a[href='tel:0755-2500']")).to_be_visible(timeout=30_000)
        line.speak()
        expect(page.locator("#p-title")).to_be_visible(timeout=15_000)  # and the rest as soon as it is known
        expect(bar).to_have_count(0, timeout=15_000)
