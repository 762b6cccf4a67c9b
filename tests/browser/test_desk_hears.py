"""What a desk hears and is warned of: urgent alerts, lapses, the end of its session, a colleague's hand-over."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dispatch.alerts import lifecycle, snoozing
from dispatch.desk import merging
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.orders import ZHOU

pytestmark = pytest.mark.browser
HEAR = """
window.heard = [];
const create = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () {
  const tone = create.call(this);
  const start = tone.start.bind(tone);
  tone.start = (at) => { window.heard.push(Math.round(tone.frequency.value)); start(at); };
  return tone;
};
"""
"""Keeps the pitch of every note that begins, in Hz."""
EMERGENCY, URGENT, CUT = [880, 660], [660], [196, 196, 196]


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def armed(site: ConsoleSite, context: BrowserContext, path: str) -> Page:
    """A page whose sound is on, with nothing heard yet but its test."""
    site.log_in(context, "dispatcher")
    context.add_init_script(HEAR)
    page = context.new_page()
    page.goto(site.address + path)
    page.get_by_role("button", name="开启并试听").click()
    expect(page.locator("#unarmed")).to_be_hidden()
    assert heard(page) == EMERGENCY, "it is heard at once"
    return page


def heard(page: Page) -> list[int]:
    """The notes since the last question."""
    notes: list[int] = page.evaluate("window.heard.splice(0)")
    return notes


def seconds(page: Page, count: int) -> list[int]:
    """The notes of so many seconds: the shell's clock is told them at once."""
    page.evaluate("n => { for (let i = 0; i < n; i += 1) document.dispatchEvent(new Event('tick')); }", count)
    return heard(page)


def test_urgent_alerts_ring_each_ten_seconds_and_a_lapse_at_once(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    page = armed(site, browser_context, "/orders")
    alert = site.alert("R1", "news2", "urgent")
    expect(page.locator("#nearest")).to_be_visible()
    assert heard(page)[:1] == URGENT, "an urgent one is heard when it comes"
    assert 3 <= len(seconds(page, 30)) <= 4, "then each ten seconds"
    lifecycle.act(site.conn, alert, "acknowledge", ZHOU, now(), expected_version=1)
    expect(page.locator("#nearest")).to_be_hidden()
    heard(page)
    assert seconds(page, 30) == [], "whoever has it is not rung at"
    lifecycle.lapse(site.conn, alert, now(), "超时无进展")
    expect(page.locator("#nearest")).to_be_visible()
    assert heard(page)[:1] == URGENT, "a lapse is heard at once"


def test_what_follows_another_or_rests_is_not_counted_and_does_not_ring(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    page = armed(site, browser_context, "/orders")
    first, second = site.alert(), site.alert(rule="sos")
    silent = site.alert("R2", "gateway_silent", "technical")
    expect(page.locator("#nearest b")).to_have_text("▲ 2", timeout=20_000)
    assert page.title().startswith("(2) ▲ ")
    lead = merging.merge(site.conn, first, second, ZHOU, now(), expected_version=1)
    snoozing.snooze(site.conn, silent, "8h", ZHOU, now(), expected_version=1)
    expect(page.locator("#nearest b")).to_have_text("▲ 1")
    assert page.title().startswith("(1) ▲ ")
    expect(page.locator("#nearest")).to_have_attribute("href", f"/?a={lead}")
    version = site.conn.execute("SELECT version FROM alert WHERE id = %s", (lead,)).fetchone()
    assert version is not None
    lifecycle.act(site.conn, lead, "acknowledge", ZHOU, now(), expected_version=version[0])
    expect(page.locator("#nearest")).to_be_hidden()
    assert not page.title().startswith("(")
    heard(page)
    assert seconds(page, 30) == []
    lifecycle.lapse(site.conn, lead, now(), "超时无进展")
    expect(page.locator(".toast.emergency")).to_have_count(1)  # of the two the lead alone is news


def test_the_end_of_a_session_is_told_before_and_can_be_put_off(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.log_in(browser_context, "dispatcher")
    ends, left = "UPDATE session SET expires_at = %s, created_at = %s", "SELECT expires_at FROM session"
    site.conn.execute(ends, (now() + dt.timedelta(minutes=10), now() - dt.timedelta(hours=12)))
    page = browser_context.new_page()
    page.goto(site.address + "/sla")
    bar = page.locator("#session-end")
    expect(bar).to_contain_text("10 分钟后")
    bar.get_by_role("button").click()
    expect(bar).to_be_hidden()
    found = site.conn.execute(left).fetchone()
    assert found is not None
    assert found[0] > now() + dt.timedelta(hours=11)
    soon = now() + dt.timedelta(minutes=5)
    site.conn.execute(ends, (soon, soon - dt.timedelta(hours=24)))
    page.reload()
    expect(bar).to_contain_text("重新登录")  # nothing puts off the end of a whole day
    expect(bar.get_by_role("button")).to_have_count(0)
