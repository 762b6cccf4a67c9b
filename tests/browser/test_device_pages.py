"""The main path of a technician: pair, replace, an unanswered self test; the quarantine and a channel's test."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def opened(site: ConsoleSite, context: BrowserContext, language: str, path: str) -> Page:
    site.log_in(context, "admin")
    context.add_cookies([{"name": "shouwang_language", "value": language, "url": site.address}])
    page = context.new_page()
    page.goto(site.address + path)
    return page


def no_findings(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


def test_a_device_is_paired_and_replaced_and_a_self_test_without_answer_is_unknown(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.conn.execute("INSERT INTO pairing (gateway, device, channels) VALUES ('gw-1', 'radar-9', '{motion}')")
    page = opened(site, browser_context, "zh", "/devices")
    page.get_by_role("link", name="gw-1").click()
    asked = page.locator("#pairing")
    asked.get_by_label("型号").select_option("seeed-mr60fda2")
    asked.get_by_label("房间").select_option("bathroom")
    no_findings(page)
    asked.get_by_role("button", name="确认配对").click()
    row = page.get_by_role("row").filter(has_text="radar-9")
    expect(row).to_contain_text("跌倒")
    row.get_by_role("link", name="更换").click()
    page.get_by_label("新设备名称").fill("radar-10")
    page.get_by_role("button", name="确认更换").click()
    expect(page.locator(".undo-bar")).to_contain_text("radar-9 已停用")
    expect(page.get_by_role("row").filter(has_text="radar-10")).to_contain_text("卫生间")
    page.get_by_role("button", name="请求自检").click()
    requests = page.locator("#requests")
    expect(requests).to_contain_text("等待应答")
    site.conn.execute("UPDATE upkeep_request SET state = 'unknown', ended_at = now()")
    expect(requests).to_contain_text("是否正常不明", timeout=15_000)  # the part renews itself


def test_a_refused_message_is_discarded_and_taken_back_and_a_channel_is_tested(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.conn.execute(
        "INSERT INTO quarantine (topic, gateway, code, reason, size, sha256, payload)"
        " VALUES ('care/v1/x/gw-1/events', 'gw-1', 'undecodable', 'x', 1, %s, 'x')",
        (hashlib.sha256(b"x").digest(),),
    )
    page = opened(site, browser_context, "en", "/quarantine")
    page.get_by_role("link", name="cannot be decoded").click()
    expect(page.locator(".consequence")).to_contain_text("The bytes of 1 messages are deleted")
    no_findings(page)
    page.get_by_label("Reason for it").fill("broken sender")
    page.get_by_role("button", name="Discard 1 messages").click()
    asked = page.locator("#asked")
    expect(asked).to_contain_text("will be discarded at")
    asked.get_by_role("button", name="Undo this").click()
    expect(asked).to_contain_text("withdrawn")
    page.goto(site.address + "/channels")
    page.get_by_text("Send a test message").first.click()
    page.get_by_label("Telephone number").first.fill("0755 1234567")
    page.get_by_label("Yes, whoever has this address").first.check()
    no_findings(page)
    page.get_by_role("button", name="Send a test message").first.click()
    expect(page.locator("#tests")).to_contain_text("queued")
