"""Accounts over HTTP: list and filters, a new account, role and area with the consequence, the last administrator."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console_site import ConsoleSite, console_site, now

pytestmark = pytest.mark.integration
PASSWORD = "three words together"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def test_an_account_is_added_and_its_password_is_shown_once(site: ConsoleSite) -> None:
    form = {"login": "Zhao", "role": "dispatcher", "name_zh": "赵敏", "name_en": "Zhao Min", "area": "sz.yt.hs"}
    with site.client("admin") as admin, site.client() as new:
        for field, value in (("login", "x y"), ("name_zh", ""), ("area", "")):
            wrong = admin.post("/accounts/new", data={**form, field: value})
            assert wrong.status_code == 422
            assert 'value="Zhao Min"' in wrong.text, "nothing that was typed is lost"
        added = admin.post("/accounts/new", data=form)
        password = re.findall(r'id="one-time" class="num">([^<]+)<', added.text)[0]
        assert new.post("/login", data={"login": "zhao", "password": password}).headers["location"] == "/"
        assert new.get("/queue").headers["location"] == "/password"
        assert password not in admin.get("/accounts/of/zhao").text
        taken = admin.post("/accounts/new", data=form)
        assert taken.status_code == 422
        assert "已存在" in taken.text
        assert "zhao" in admin.get("/accounts?q=赵").text
        assert "zhao" not in admin.get("/accounts?role=carer").text
        assert "carer-ms" not in admin.get("/accounts?area=sz.yt.hs").text
        assert "carer-ms" in admin.get("/accounts?state=never").text
    with site.client("dispatcher") as other:
        assert other.get("/accounts").status_code == 403
    with site.client("admin-hs") as street:
        assert street.get("/accounts/of/carer-ms").status_code == 404
        outside = street.post("/accounts/new", data={**form, "login": "other", "area": "sz.yt"})
        assert outside.status_code == 403


def test_a_new_role_names_what_it_does_and_ends_sessions(site: ConsoleSite) -> None:
    form = {"version": "1", "name_zh": "某", "name_en": "Somebody", "role": "station", "area": "sz.yt.ms"}
    with site.client("admin") as admin, site.client("carer") as carer:
        asked = admin.post("/accounts/of/carer", data=form)
        assert asked.status_code == 200
        assert "1 个会话将立即结束" in asked.text
        assert "现可查看 1 位老人，修改后为 1 位" in asked.text
        assert carer.get("/mine").status_code == 200
        assert admin.post("/accounts/of/carer", data={**form, "sure": "1"}).status_code == 303
        assert carer.get("/mine").headers["location"].startswith("/login")
        late = admin.post("/accounts/of/carer", data={**form, "name_zh": "晚"})
        assert late.status_code == 409
        assert 'value="晚"' in late.text
        assert "其他人刚修改过" in late.text
        assert site.conn.execute("SELECT role, area_path::text FROM account WHERE login = 'carer'").fetchone() == (
            "station", "sz.yt.ms",
        )  # fmt: skip
        page = admin.get("/accounts/of/carer").text
        assert "修改账号" in page
        own = admin.post("/accounts/of/admin", data={**form, "role": "dispatcher", "area": "sz.yt", "sure": "1"})
        assert own.status_code == 403


def test_the_last_administrator_stays_and_sensitive_steps_ask_again(site: ConsoleSite) -> None:
    with site.client("admin") as admin, site.client("admin-hs") as street:
        assert street.post("/accounts/of/admin/disable").status_code == 404
        last = admin.post("/accounts/of/admin/disable")
        assert last.status_code == 403
        assert "最后一名管理员" in last.text
        assert "不再收到消息" in admin.get("/accounts/of/carer/disable").text
        site.conn.execute("UPDATE session SET confirmed_at = %s", (now() - dt.timedelta(minutes=11),))
        assert admin.post("/accounts/of/carer/disable").status_code == 401
        going = admin.post("/accounts/of/carer/disable", data={"confirm_password": PASSWORD})
        assert going.status_code == 303
        assert site.conn.execute("SELECT active FROM account WHERE login = 'carer'").fetchone() == (False,)


def test_a_reset_is_told_to_the_person_and_takes_every_factor(site: ConsoleSite) -> None:
    with site.client("admin") as admin:
        site.conn.execute("UPDATE account SET totp_secret = 'JBSWY3DPEHPK3PXP' WHERE login = 'dispatcher'")
        assert admin.post("/accounts/of/dispatcher/reset-second-factor").status_code == 303
        shown = admin.post("/accounts/of/dispatcher/reset-password")
        assert shown.status_code == 200
    row = site.conn.execute("SELECT totp_secret FROM account WHERE login = 'dispatcher'").fetchone()
    assert row == (None,)
    site.conn.execute("UPDATE account SET one_time_until = NULL")
    with site.client("dispatcher") as person:
        assert "登录验证方式有变更" in person.get("/handovers").text
        page = person.get("/account").text
        assert "密码已重置为一次性密码" in page
        assert "由管理员操作" in page


def test_a_consent_is_withdrawn_and_given_again(site: ConsoleSite) -> None:
    with site.client("admin") as admin, site.client("daughter") as family:
        assert family.get("/family").status_code == 200
        shown = admin.get("/records/resident/at/R1").text
        assert "withdraw-consent?resident=R1" in shown
        assert "女儿" in shown
        asked = admin.get("/accounts/of/daughter/withdraw-consent?resident=R1").text
        assert "从此刻起不再能看到" in asked
        assert admin.get("/accounts/of/daughter/withdraw-consent?resident=R2").status_code == 404
        admin.post("/accounts/of/daughter/withdraw-consent", data={"resident": "R1"})
        assert "老人尚未同意任何人" in admin.get("/records/resident/at/R1").text
        assert site.conn.execute("SELECT count(*) FROM family_member").fetchone() == (0,)
        wrong = admin.post("/accounts/of/daughter/give-consent", data={"resident": "R9", "relation": "女儿"})
        assert wrong.status_code == 404
        assert "没有老人 R9" in wrong.text
        given = admin.post("/accounts/of/daughter/give-consent", data={"resident": "R1", "relation": "女儿"})
        assert given.status_code == 303
        assert "R1" in admin.get("/accounts/of/daughter").text
        roles = admin.get("/accounts/roles").text
        assert "接警" in roles
        assert "审计员" in roles
