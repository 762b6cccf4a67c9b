"""One's own account in a real browser: an app by its QR page, a recovery code, a passkey of a virtual authenticator."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.browser
PASSWORD = "three words together"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def log_in(page: Page, address: str, login: str, code: str = "") -> None:
    page.goto(f"{address}/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=code]", code)
    page.click("form[action='/login'] button.primary")


def log_out(page: Page) -> None:
    page.click("button.who")
    page.click("form[action='/logout'] button")
    expect(page.locator("input[name=login]")).to_be_visible()


def no_finding(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


def test_an_app_a_recovery_code_and_a_passkey_let_a_person_in(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    address = site.address.replace("127.0.0.1", "localhost")  # a passkey belongs to a name
    browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": address}])
    page = browser_context.new_page()
    log_in(page, address, "dispatcher")
    page.click("button.who")
    page.click("text=My account")
    expect(page.locator("h1")).to_have_text("My account")
    no_finding(page)
    page.click("text=Set it up")
    expect(page.locator("svg.qr")).to_be_visible()
    no_finding(page)
    page.click("text=The camera does not work")
    secret = page.locator("#secret").inner_text()
    page.fill("input[name=code]", pyotp.TOTP(secret).now())
    page.click("text=Switch it on")
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    no_finding(page)
    page.click("text=I have kept them")
    expect(page.locator("#codes-left")).to_contain_text("10 of 10")
    page.click("text=I have read it")
    expect(page.locator("text=I have read it")).to_have_count(0)
    page.click("text=Add a passkey")
    expect(page.locator("#new-passkey button")).to_be_enabled()

    authenticator = browser_context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    made = authenticator.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    page.fill("input[name=name]", "desk 3")
    page.click("#new-passkey button")
    expect(page.locator("#passkeys table")).to_contain_text("desk 3")
    no_finding(page)

    log_out(page)
    log_in(page, address, "dispatcher")
    expect(page.locator("[role=alert]").first).to_contain_text("recovery code")
    log_in(page, address, "dispatcher", codes[3])
    expect(page.locator(".account-news")).to_be_visible()
    log_out(page)
    page.click("#passkey-login button")
    page.wait_for_url(re.compile(r"/$"))
    page.goto(f"{address}/account")
    expect(page.locator("#codes-left")).to_contain_text("9 of 10")
    expect(page.locator("#passkeys table")).not_to_contain_text("—")
    expect(page.locator("text=logged in with a passkey").first).to_be_visible()

    # a key whose counter goes back was copied: it lets nobody in
    site.conn.execute("UPDATE passkey SET sign_count = 1000")
    log_out(page)
    page.click("#passkey-login button")
    expect(page.locator("#passkey-login [role=alert]")).to_contain_text("was not accepted")
    authenticator.send(
        "WebAuthn.setUserVerified", {"authenticatorId": made["authenticatorId"], "isUserVerified": False}
    )
    site.conn.execute("UPDATE passkey SET sign_count = 0")
    page.click("#passkey-login button")
    expect(page.locator("#passkey-login [role=alert]")).to_be_visible()
    assert site.conn.execute("SELECT count(*) FROM passkey_challenge").fetchone() in ((0,), (1,))
