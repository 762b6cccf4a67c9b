"""The desk's other pages in a real browser: a flood, the hand-over, closed alerts, work orders, in both languages."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.desk import handover
from dispatch.orders import assigning
from tests.browser.test_desk import desk, homes, sound
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account
from tests.support.orders import ZHOU

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_thirty_alerts_at_once_are_few_lines(site: ConsoleSite, browser_context: BrowserContext) -> None:
    for number, code in enumerate(homes(site, 30)):
        grave = number < 3
        site.alert(code, "fall" if grave else "inactivity", "emergency" if grave else "urgent")
    site.conn.execute("UPDATE organisation SET phone = '0755-1' WHERE code = 'center-1'")
    site.conn.execute(
        "INSERT INTO organisation (code, area_id, kind, name_zh, name_en, phone)"
        " SELECT 'district', id, 'district_center', '区中心', 'District center', '0755-2' FROM area"
        " WHERE path = 'sz.yt'"
    )
    page = desk(site, browser_context)
    expect(page.locator(".q-banner")).to_contain_text("预警激增")
    expect(page.locator(".q-banner")).to_contain_text("30 条未接警")
    expect(page.locator(".q-row.emergency")).to_have_count(3)  # each is somebody's
    expect(page.locator(".q-group")).to_have_count(1)
    expect(page.locator(".q-row.urgent")).to_have_count(0)
    sound(page)
    page.get_by_role("button", name="请求支援").click()
    expect(page.locator(".q-banner")).to_contain_text("请求支援")
    expect(page.get_by_role("button", name="请求支援")).to_have_count(0)
    page.locator("[data-group]").click()
    expect(page.locator(".q-row.urgent")).to_have_count(27)
    page.get_by_role("button", name="全部接警").click()
    expect(page.locator(".q-banner", has_text="激增")).to_contain_text("3 条未接警")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_hand_over_makes_the_receiver_the_owner(
    site: ConsoleSite, browser_context: BrowserContext, language: str
) -> None:
    alert = site.alert()
    me = account(site.conn, "dispatcher")
    site.conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        " SELECT 'night', password_hash, '夜班员', 'Night', role, area_path, language FROM account"
        " WHERE login = 'dispatcher'"
    )
    night = account(site.conn, "night")
    lifecycle.act(site.conn, alert, "acknowledge", Actor(night.id, "夜班员", "t", "Night"), now(), expected_version=1)
    handover.offer(site.conn, "sz.yt", night, now(), "t", "留意 5 栋")
    page = desk(site, browser_context, "/orders", language)
    badge = page.locator("#menu a[href='/handovers'] .badge")
    expect(badge).to_be_visible()  # on every page, not on the desk alone
    page.locator("#menu a[href='/']").click()
    expect(page.locator(".q-banner")).to_contain_text("留意 5 栋")
    expect(badge).to_be_visible()
    page.locator(".q-banner a").click()
    sound(page)
    page.locator("form[action$=accept] button").click()
    expect(page.locator("form[action='/handovers'] textarea")).to_be_visible()
    expect(badge).to_have_count(0)
    owner = site.conn.execute("SELECT owner_id FROM alert WHERE id = %s", (alert,)).fetchone()
    assert owner == (me.id,)
    page.goto(site.address + "/?who=mine")
    expect(page.locator(f"#alert-{alert} .q-owner.mine")).to_be_visible()
    sound(page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_closed_alerts_and_orders_by_address(site: ConsoleSite, browser_context: BrowserContext, language: str) -> None:
    alert = site.alert()
    order = assigning.dispatch_alert(site.conn, site.console.crews, alert, ZHOU, now(), staff_code="S11")
    page = desk(site, browser_context, "/orders", language)
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    if language == "en":
        assert "orders live" not in page.content()
    sound(page)
    page.goto(f"{site.address}/orders/{order.id}")
    expect(page.locator("#order .state").first).to_have_text("待接单" if language == "zh" else "asked, no answer yet")
    sound(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    accepted = assigning.act_as_person(
        site.conn, site.console.crews, order.id, "accept", order.staff_id or 0, ZHOU, now()
    )
    assert accepted.state == "accepted"
    expect(page.locator("#order .state").first).to_have_text("已接单" if language == "zh" else "accepted")  # no reload
    version = site.conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
    assert version is not None
    lifecycle.act(
        site.conn, alert, "resolve", ZHOU, now() - dt.timedelta(minutes=1), expected_version=version[0],
        outcome="hospital",
    )  # fmt: skip
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(f"{site.address}/alerts?state=closed&outcome=hospital&q=R1")
    expect(page.locator("tbody tr")).to_have_count(1)
    sound(page)
    page.goto(f"{site.address}/alerts?state=closed&since=nonsense")
    expect(page.get_by_role("alert").filter(has_text="nonsense")).to_be_visible()
    page.goto(f"{site.address}/alerts?outcome=test")
    expect(page.locator("tbody a")).to_have_count(0)
    page.goto(f"{site.address}/alerts/{alert}")  # it opens again, with a reason
    sound(page)
    page.fill("#panel-o input[name=note]", "又不舒服")
    page.locator("#panel-o button").click()
    expect(page.locator("#p-actions [data-key=a]")).to_be_visible()
