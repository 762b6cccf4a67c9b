"""The form of an assessment on a tablet: filled in without a connection, saved when the line is back, two at once."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from care_services.assessment import life, store
from care_services.assessment.store import Fields
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account

pytestmark = [pytest.mark.browser, pytest.mark.integration]


@pytest.fixture(scope="module")
def site(database_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    """One console for the file; each test has a resident of its own."""
    with database_cluster.fresh_database() as url, console_site(url, tmp_path_factory.mktemp("assess")) as found:
        yield found


def answer(page: Page, code: str, points: int) -> None:
    page.locator(f'[name="answer.{code}"][value="{points}"]').check()


def test_what_is_filled_in_without_a_connection_is_saved_when_it_is_back(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    carer = account(site.conn, "carer")
    number = life.begin(site.conn, carer, "R1", "first", now(), "test")
    site.log_in(browser_context, "carer")
    page = browser_context.new_page()
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(f"{site.address}/care/assessments/{number}")
    answer(page, "eating", 2)
    expect(page.locator("[data-status]")).to_contain_text("已于")
    browser_context.set_offline(True)
    answer(page, "grooming", 1)
    expect(page.locator("[data-status]")).to_contain_text("保存在本机")
    expect(page.locator("[data-sum=self_care]")).to_have_text("3")
    page.locator('[data-tab="facts"]').click()
    page.locator('[name="event.fall"]').fill("1")
    browser_context.set_offline(False)
    expect(page.locator("[data-status]")).to_contain_text("已于")
    kept = store.by_number(site.conn, number)
    assert kept is not None
    assert (kept.fields.answers, kept.fields.events) == ({"eating": 2, "grooming": 1}, {"fall": 1})
    # what is on this device alone survives that the page is closed, and meets what a colleague saved meanwhile
    browser_context.set_offline(True)
    page.locator('[name="event.fall"]').fill("2")
    expect(page.locator("[data-status]")).to_contain_text("保存在本机")
    theirs = Fields(answers=kept.fields.answers, events={"fall": 0})
    life.save(site.conn, account(site.conn, "station"), number, kept.version, theirs, now(), "test")
    page.close()
    browser_context.set_offline(False)
    page = browser_context.new_page()
    page.goto(f"{site.address}/care/assessments/{number}")
    expect(page.locator("#assessment-conflict")).to_contain_text("他人修改了这份草稿")
    expect(page.locator('[name="event.fall"]')).to_have_value("2")
    page.locator("[data-keep]").click()
    expect(page.locator("[data-status]")).to_contain_text("已于")
    kept = store.by_number(site.conn, number)
    assert kept is not None
    assert kept.fields.events == {"fall": 2}
    assert page.evaluate("localStorage.length") == 0, "nothing of it stays on a shared tablet"


def test_a_form_opens_in_a_flat_without_a_line(site: ConsoleSite, browser: Browser) -> None:
    browser_context = browser.new_context(locale="zh-CN", viewport={"width": 800, "height": 1200})
    carer, station = account(site.conn, "carer"), account(site.conn, "station")
    site.conn.execute("UPDATE assessment SET state = 'discarded' WHERE state = 'draft'")
    number = life.begin(site.conn, carer, "R1", "first", now(), "test")
    site.log_in(browser_context, "carer")
    page = browser_context.new_page()
    page.goto(f"{site.address}/care/assessments-today")
    page.locator("[data-take]").click()
    expect(page.locator("#assessment-day [data-status]")).to_contain_text("已载入 1 份")
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert "陈" in stored
    assert "R1" not in stored, "the name, and nothing by which more is found"
    page.close()
    browser_context.set_offline(True)
    page = browser_context.new_page()
    page.goto(f"{site.address}/care/assessments-today")
    page.locator("[data-people] a").click()
    expect(page.locator("[data-person]")).to_contain_text("陈")
    answer(page, "eating", 3)
    expect(page.locator("[data-status]")).to_contain_text("保存在本机")
    # another tablet was sooner
    life.save(site.conn, station, number, 1, Fields(answers={"eating": 1}), now(), "test")
    browser_context.set_offline(False)
    expect(page.locator("#assessment-conflict")).to_contain_text("他人修改了这份草稿")
    page.locator("[data-keep]").click()
    expect(page.locator("[data-status]")).to_contain_text("已于")
    kept = store.by_number(site.conn, number)
    assert kept is not None
    assert (kept.fields.answers, kept.version) == ({"eating": 3}, 3)
    # opened again without a line: with what the platform has by now
    browser_context.set_offline(True)
    page.goto(f"{site.address}/care/assessments/{number}")
    expect(page.locator('[name="answer.eating"][value="3"]')).to_be_checked()
    page.goto(f"{site.address}/care/assessments/{number + 1}")
    expect(page.locator("[data-none]")).to_be_visible()
    browser_context.set_offline(False)
    page.goto(f"{site.address}/care/assessments-today")
    browser_context.clear_cookies()
    page.goto(f"{site.address}/login")
    page.wait_for_function("localStorage.length === 0")
    assert page.evaluate("caches.keys().then((names) => names.length)") == 0, "nothing is left at logout"
    browser_context.close()
