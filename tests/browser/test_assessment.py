"""The form of an assessment on a tablet: filled in without a connection, saved when the line is back, two at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from care_services.assessment import life, store
from care_services.assessment.store import Fields
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account

pytestmark = [pytest.mark.browser, pytest.mark.integration]


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
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
