"""Other systems in the browser: a token is made, shown once, revoked; consents are written down; a webhook is added."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from tests.support.console_site import console_site

pytestmark = pytest.mark.browser


def test_an_administrator_lets_a_hospital_in_and_out_again(
    database_url: str, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with console_site(database_url, tmp_path) as site:
        site.log_in(browser_context, "admin")
        page = browser_context.new_page()
        page.goto(f"{site.address}/machines")
        expect(page.get_by_text("还没有外部系统的令牌")).to_be_visible()
        page.get_by_role("link", name="新建令牌").first.click()
        page.get_by_label("令牌用途").fill("病房监护")
        page.get_by_label("系统", exact=True).fill("Hospital 1")
        page.get_by_label("读取体征").check()
        page.get_by_role("button", name="创建令牌").click()
        expect(page.get_by_text("外部系统的账号名只能用小写字母")).to_be_visible()
        expect(page.get_by_label("令牌用途")).to_have_value("病房监护")
        page.get_by_label("系统", exact=True).fill("hospital")
        assert not Axe().run(page).response["violations"]
        page.get_by_role("button", name="创建令牌").click()
        expect(page.locator("#one-time")).to_contain_text("sw_")
        page.get_by_role("link", name="老人授权").click()
        page.get_by_label("老人", exact=True).fill("R1，R2")
        page.get_by_label("用途", exact=True).fill("出院随访")
        page.get_by_role("button", name="登记", exact=True).click()
        expect(page.get_by_role("row")).to_have_count(3)
        page.get_by_role("button", name="撤回授权 R2").click()
        expect(page.get_by_text("从下一次请求起")).to_be_visible()
        page.get_by_role("button", name="撤回授权", exact=True).click()
        expect(page.get_by_role("row")).to_have_count(2)
        page.goto(f"{site.address}/machines/hooks/new")
        page.get_by_label("推送用途").fill("急诊")
        page.get_by_label("地址").fill("https://10.0.0.1/x")
        page.get_by_label("新预警").check()
        page.get_by_role("button", name="添加推送").click()
        expect(page.get_by_text("公网域名，端口 443 或 8443，不含用户名")).to_be_visible()
        page.get_by_label("地址").fill("https://hospital.example.org/x")
        page.get_by_role("button", name="添加推送").click()
        expect(page.locator("#one-time")).to_contain_text("whsec_")
        browser_context.add_cookies([{"name": "shouwang_language", "value": "en", "url": site.address}])
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{site.address}/machines")
        expect(page.get_by_text("1 residents agreed")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not Axe().run(page).response["violations"]
        page.get_by_role("link", name="Revoke 病房监护").click()
        expect(page.get_by_text("can no longer ask about 1 residents")).to_be_visible()
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("revoked")).to_be_visible()
