"""A real browser: ``page`` is a page in a profile of its own; a request that leaves the machine fails the test."""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

HOW_TO_GET_CHROMIUM = "no chromium found: apt-get install chromium fonts-noto-cjk, or set SHOUWANG_TEST_CHROMIUM"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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

    def only_local(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOCAL:
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context = browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1440, "height": 900}, service_workers="block"
    )
    context.set_default_timeout(10_000)
    context.route("**/*", only_local)
    yield context
    context.close()
    assert not strangers, f"the pages asked other hosts: {strangers}"


@pytest.fixture
def page(browser_context: BrowserContext) -> Page:
    return browser_context.new_page()
