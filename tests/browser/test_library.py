"""A course from its chapters to the certificate, as a family's telephone shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from care_services.library.courses import keeping
from tests.support.care_routes.library import right_answers
from tests.support.console_site import ConsoleSite, console_site, now

pytestmark = pytest.mark.browser


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        keeping.add_built_in(found.conn, now())
        yield found


def test_a_daughter_takes_her_course_and_has_the_certificate(
    site: ConsoleSite, browser_context: BrowserContext
) -> None:
    site.log_in(browser_context, "daughter")
    page = browser_context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/care/courses")
    page.get_by_role("link", name="家庭照护者课程").click()
    page.get_by_role("button", name="开始考试").click()
    expect(page.get_by_role("button", name="交卷")).to_be_visible()
    number = int(page.url.rpartition("/")[2])
    page.get_by_role("button", name="交卷").click()
    expect(page.get_by_text("还有题目没有作答").first).to_be_visible()
    for place, named in right_answers(site, "daughter", number).items():
        for option in named:
            page.locator(f'input[name="q{place}"][value="{option}"]').check()
    page.get_by_role("button", name="交卷").click()
    expect(page.get_by_text("通过：5 题答对 5 题")).to_be_visible()
    page.get_by_role("link", name="查看证书").click()
    expect(page.get_by_text("课程证书").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "no sideways"
    typing = browser_context.new_page()
    browser_context.clear_cookies()
    site.log_in(browser_context, "admin")
    typing.goto(f"{site.address}/care/courses-edit")
    typing.locator('input[name="zh"]').fill("夜间巡视")
    expect(typing.get_by_text("保留在本浏览器中").last).to_be_visible()
    typing.close()
    back = browser_context.new_page()
    back.goto(f"{site.address}/care/courses-edit")
    back.get_by_role("button", name="继续填写").click()
    expect(back.locator('input[name="zh"]')).to_have_value("夜间巡视")
