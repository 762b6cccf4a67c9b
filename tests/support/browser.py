"""A real browser: ``page`` is a page in a profile of its own; a request that leaves the machine fails the test.

The browser finds no host but this machine, and every request is noted. None is led through the test unless it asks for
that itself: Chromium keeps nothing in its cache then, and each page costs twice the time.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright

HOW_TO_GET_CHROMIUM = "no chromium found: apt-get install chromium fonts-noto-cjk, or set SHOUWANG_TEST_CHROMIUM"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE ::1",
]
expect.set_options(timeout=20_000)  # twice as long as a press may wait: six tests share two cores
LOCAL = {"127.0.0.1", "localhost", "::1"}


def chromium() -> str | None:
    """The browser's program; None where there is none."""
    named = os.environ.get("SHOUWANG_TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


# Not for the whole run: playwright keeps an event loop running in this thread, in which asyncio.run() refuses to work.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless chromium for the module."""
    program = chromium()
    if program is None:
        pytest.skip(HOW_TO_GET_CHROMIUM)
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield instance
        instance.close()


@pytest.fixture
def browser_context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile, in Chinese, at Shanghai time."""
    strangers: list[str] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and parts.hostname not in LOCAL:
            strangers.append(request.url)

    context = browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1440, "height": 900}, service_workers="block"
    )
    context.set_default_timeout(20_000)
    context.on("request", note)
    yield context
    context.close()
    assert not strangers, f"the pages asked other hosts: {strangers}"


@pytest.fixture
def page(browser_context: BrowserContext) -> Page:
    return browser_context.new_page()


@contextmanager
def losing(page: Page, address: str, told: Callable[[Request], None] = lambda _: None) -> Iterator[None]:
    """Within it, requests of this form (a glob) are lost; ``told`` of each. The handler stays: one that is taken away
    while a request is in its hands makes the request fail in the test's."""
    within = True

    def lose(route: Route) -> None:
        if within:
            told(route.request)
            route.abort()
        else:
            route.fallback()

    page.route(address, lose)
    try:
        yield
    finally:
        within = False


def settled(page: Page) -> None:
    """Wait until the shell has answered the last press, though what it does was seen already: the socket is quicker,
    and an answer that comes while another page is asked for stops that one."""
    expect(page.locator("#main[aria-busy=true], form[aria-busy=true]")).to_have_count(0)
