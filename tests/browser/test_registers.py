"""A register is chosen, its columns confirmed, and a conflict decided on side by side, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from care_network.identity import keys, vault
from care_network.identity.numbers import check_character, parse
from tests.support.console_site import console_site
from tests.support.network import NOW, account

pytestmark = pytest.mark.integration
FIRST = "44030819400101001"
NUMBER = FIRST + check_character(FIRST)


def test_a_conflict_is_decided_on_side_by_side(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    ring = keys.create(tmp_path / "identity.keys")
    file = tmp_path / "名册.csv"
    file.write_text("\n".join(("\t".join(("姓名", "身份证号", "电话")), "\t".join(("陈大", NUMBER, "13900000001")))))
    with console_site(database_url, tmp_path, identity_key_file=tmp_path / "identity.keys") as site:
        vault.put(site.conn, ring, account(site.conn, "admin"), "R1", parse(NUMBER), 0, at=NOW)
        site.log_in(browser_context, "admin")
        page = browser_context.new_page()
        page.goto(f"{site.address}/care/registers")
        page.get_by_label("名册", exact=True).select_option("low_income")
        page.get_by_label("文件").set_input_files(file)
        page.get_by_role("button", name="下一步").click()
        expect(page.get_by_label("证件号码")).to_have_value("身份证号")
        page.get_by_role("button", name="与本平台档案比对").click()
        page.get_by_role("link", name="行 2").click()
        name = page.get_by_role("group", name="姓名")
        expect(name.get_by_label("稍后再定")).to_be_checked()
        name.get_by_label("采用名册").check()
        page.locator("form.stack").get_by_label("原因").fill("证件已核对")
        page.get_by_role("button", name="确认决定").click()
        expect(page.get_by_role("link", name="待处理 0")).to_be_visible()
        row = site.conn.execute("SELECT name_zh FROM resident WHERE code = 'R1'").fetchone()
        assert row == ("陈大",)
