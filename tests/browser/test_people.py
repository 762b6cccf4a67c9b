"""Staff look for somebody by the keyboard, and one resident's page goes on by itself."""

import datetime as dt
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from care_network.records import provisioning
from care_network.records.records import NewDevice
from tests.support.console_site import ConsoleSite, console_site
from tests.support.network import C1, network

pytestmark = pytest.mark.browser


def people(site: ConsoleSite) -> None:
    """A crowd, and somebody who is looked for."""
    admin = network(site.conn, "admin")
    for number in range(110):
        home = {"code": f"H{100 + number}", "area": C1, "address_zh": f"路9号{number}房", "address_en": "9 Road"}
        admin.add("household", home | {"phone": f"0755-{number:08d}"})
        admin.add(
            "resident",
            {"code": f"R{100 + number}", "household": f"H{100 + number}", "sex": "female", "birth_date": "1949-05-06",
             "name_zh": "刘淑贞" if number == 7 else "李秀英", "name_en": "Somebody", "lives_alone": number == 7},
        )  # fmt: skip
    provisioning.add_device(site.conn, NewDevice("gw-1", "oximeter", "nonin-3230", "worn", "R1"))
    site.conn.execute("INSERT INTO series (device_id, channel) SELECT id, 'spo2' FROM device WHERE name = 'oximeter'")


def measure(site: ConsoleSite, value: float) -> None:
    site.conn.execute(
        "INSERT INTO reading SELECT %s, s.id, %s FROM series s WHERE channel = 'spo2'", (dt.datetime.now(dt.UTC), value)
    )


def without_findings(page: Page) -> None:
    assert Axe().run(page).response["violations"] == []


def test_by_the_keyboard_to_a_page_that_goes_on(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        people(site)
        site.console.directory.look_again()
        measure(site, 96)
        site.log_in(browser_context, "dispatcher")
        page = browser_context.new_page()

        page.goto(f"{site.address}/residents?alone=yes")
        expect(page.locator("main").get_by_role("status")).to_contain_text("112 位中的 1 位")
        page.get_by_role("link", name="全部", exact=True).click()
        expect(page.locator("tbody tr")).to_have_count(100)
        page.get_by_role("link", name="下一页").click()
        expect(page.locator("tbody tr")).to_have_count(12)
        without_findings(page)
        page.get_by_role("link", name="上一页").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("第 1 至 100 位")

        field = page.locator("header input[type=search]")
        page.keyboard.press("/")
        page.keyboard.type("lsz")
        options = page.locator(".suggest [role=option]")
        expect(options).to_have_count(1)
        expect(options.first).to_contain_text("岁 · 独居")
        without_findings(page)
        page.keyboard.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("刘淑贞")

        page.keyboard.press("/")
        field.fill("没有这个人")
        expect(options.first).to_contain_text("没有找到")
        page.keyboard.press("Enter")
        expect(page.get_by_text("可以这样搜索")).to_be_visible()
        without_findings(page)

        page.goto(f"{site.address}/search?q=R1")
        without_findings(page)
        page.get_by_role("link", name="陈").first.click()
        tile = page.locator("#now .tile", has_text="血氧")
        expect(tile).to_contain_text("96")
        measure(site, 86)
        expect(tile).to_contain_text("86", timeout=15_000)  # nobody has reloaded
        expect(tile).to_contain_text("异常")
        without_findings(page)
