"""A resident's charts over a day, a week and a year, as a person chooses them."""

import re
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from care_network.records import provisioning
from care_network.records.records import NewAccount
from shouwang.cli.main import app
from tests.support.console import console

pytestmark = [pytest.mark.browser, pytest.mark.integration]
PASSWORD = "a-long-enough-password"


def test_a_day_a_week_a_year(database_url: str, page: Page, tmp_path: Path) -> None:
    arguments = ["simulate", "history", "--url", database_url, "--residents", "1", "--days", "100", "--rate", "300"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    with psycopg.connect(database_url) as conn:
        account = NewAccount(
            login="watcher",
            password=PASSWORD,
            name_zh="周敏",
            name_en="Zhou Min",
            role="dispatcher",
            area="shenzhen.yantian",
        )
        provisioning.add_account(conn, account)
    with console(database_url, None, None) as client:
        address = str(client.base_url).rstrip("/")
        page.goto(f"{address}/login")
        page.fill("input[name=login]", "watcher")
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda url: not url.endswith("/login"))
        page.goto(f"{address}/residents/P00001")
        chart = page.locator("figure.chart[data-channel=heart_rate]")
        expect(page.get_by_role("button", name="24 小时")).to_have_attribute("aria-pressed", "true")
        expect(chart.locator(".summary")).to_contain_text("个读数")
        seen = [chart.locator(".summary").inner_text()]
        for length in ("7 天", "1 年"):
            page.get_by_role("button", name=length).click()
            expect(page.get_by_role("button", name=length)).to_have_attribute("aria-pressed", "true")
            expect(chart.locator(".summary")).not_to_have_text(seen[-1])
            expect(chart.locator("canvas")).to_have_count(1)
            seen.append(chart.locator(".summary").inner_text())
        page.screenshot(path=tmp_path / "year.png", full_page=True)
        assert len(set(seen)) == 3
        pressure = page.locator("figure.chart[data-channel=systolic_bp]")
        expect(pressure.locator("figcaption")).to_contain_text("血压")
        expect(pressure.locator(".summary span")).to_have_count(2)
        for place, half in enumerate(("收缩压（实线）", "舒张压（虚线）")):
            expect(pressure.locator(".summary span").nth(place)).to_contain_text(re.compile(f"^{half}：.*个读数"))
        pressure.locator("details summary").click()
        row = pressure.locator("table tr").nth(1).locator("td").nth(1)
        expect(row).to_have_text(re.compile(r"^1?\d\d(\.\d+)? / \d\d(\.\d+)?$"))
        page.reload()  # the choice stands in the address
        expect(page.get_by_role("button", name="1 年")).to_have_attribute("aria-pressed", "true")
        expect(chart.locator(".summary")).to_have_text(seen[-1])
