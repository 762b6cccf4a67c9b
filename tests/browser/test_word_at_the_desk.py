"""A word of the family about an alert that is in hand already is seen and heard at the desk until somebody acts."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from tests.browser.test_shell import open_page
from tests.support.console_site import console_site, now

pytestmark = pytest.mark.browser


def test_the_desk_notices_that_the_family_reaches_nobody(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site, site.client("daughter") as daughter:
        alert = site.alert()
        lifecycle.act(site.conn, alert, "respond", Actor(None, "杨敏", "test"), now(), expected_version=1)
        page = open_page(site, browser_context, "/")
        page.get_by_role("button", name="开启并试听").click()
        row = page.locator(f"#alert-{alert}")
        expect(row).to_contain_text("杨敏")
        expect(page.locator("#nearest")).to_be_hidden()
        heard = page.evaluate("window.tones")
        assert daughter.post("/family/R1/tell", data={"kind": "no_contact", "choice": "door"}).status_code == 303
        words = "女儿联系不上：敲门没有人应"
        expect(row.locator(".q-word")).to_have_text(words)
        expect(page.locator(".toast")).to_contain_text(words)
        page.wait_for_function("before => window.tones > before", arg=heard)
        assert page.title().startswith("(1) ▲ 陈 女儿联系不上")
        # it is one that calls for this desk, wherever somebody works
        page.locator("#menu a[href='/orders']").click()
        expect(page.locator("#nearest")).to_be_visible()
        page.locator("h1").click()
        page.keyboard.press("o")
        page.wait_for_url(f"**/?a={alert}")
        expect(page.locator("#p-word")).to_contain_text(words)
        expect(page.locator(".toast")).to_have_count(0)
        assert Axe().run(page).response["violations"] == []
        # the button once more is another word
        heard = page.evaluate("window.tones")
        lifecycle.follow_up(site.conn, alert, "again", now(), "老人按了平板，首次报警后 1 分钟再次报警", "again")
        expect(row.locator(".q-word")).to_contain_text("再次报警")
        page.wait_for_function("before => window.tones > before", arg=heard)
        expect(page.locator("#p-word")).to_contain_text("再次报警")  # what is settled is what stands there
        page.get_by_role("button", name="已知悉").click()
        expect(page.locator("#p-word")).to_be_hidden()
        expect(row.locator(".q-word")).to_have_count(0)
        expect(page.locator("#nearest")).to_be_hidden()
        assert not page.title().startswith("(")
        note = site.conn.execute("SELECT note FROM alert_event WHERE action = 'note' ORDER BY id DESC").fetchone()
        assert note == ("已知悉：老人按了平板，首次报警后 1 分钟再次报警",)
