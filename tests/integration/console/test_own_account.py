"""One's own account over HTTP: authenticator app, recovery codes, sessions, news, the password asked for again."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pyotp
import pytest

from tests.support.console_site import ConsoleSite, console_site, now

pytestmark = pytest.mark.integration
PASSWORD = "three words together"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def log_in(site: ConsoleSite, login: str, code: str = "", password: str = PASSWORD) -> httpx2.Response:
    with site.client() as client:
        return client.post("/login", data={"login": login, "password": password, "code": code})


def enrolled(client: httpx2.Client) -> tuple[str, list[str]]:
    """Enrol an app by the pages; its secret and the recovery codes."""
    assert client.post("/account/second-factor").headers["location"] == "/account/second-factor"
    shown = client.get("/account/second-factor").text
    assert "<svg width=" in shown
    found = re.search(r'id="secret">(\w+)<', shown)
    assert found is not None
    secret = found[1]
    assert client.post("/account/second-factor/enrol", data={"code": "abc"}).status_code == 422
    done = client.post("/account/second-factor/enrol", data={"code": pyotp.TOTP(secret).now()})
    assert done.status_code == 200
    return secret, re.findall(r"<code>([a-z0-9-]{19})</code>", done.text)


def test_an_app_is_enrolled_and_a_recovery_code_works_once(site: ConsoleSite) -> None:
    with site.client("dispatcher") as client:
        secret, codes = enrolled(client)
        assert len(codes) == 10
        assert log_in(site, "dispatcher").status_code == 401
        assert log_in(site, "dispatcher", pyotp.TOTP(secret).at(now() + dt.timedelta(seconds=30))).status_code == 303
        assert log_in(site, "dispatcher", codes[0].upper().replace("-", " ")).status_code == 303
        assert log_in(site, "dispatcher", codes[0]).status_code == 401
        page = client.get("/account").text
        assert "剩余恢复码：9 / 10" in page
        assert "用一个恢复码登录" in page
        assert secret not in page
        assert "登录验证方式有变更" in client.get("/handovers").text
        client.post("/account/news/read")
        assert "登录验证方式有变更" not in client.get("/handovers").text
        assert client.post("/account/second-factor").status_code == 422
        renewed = client.post("/account/recovery-codes", data={"password": PASSWORD})
        assert len(set(re.findall(r"<code>([a-z0-9-]{19})</code>", renewed.text)) - set(codes)) == 10
        fresh_code = re.findall(r"<code>([a-z0-9-]{19})</code>", renewed.text)[1]
        asked = client.post("/account/second-factor/remove", data={"password": PASSWORD, "code": fresh_code})
        assert asked.status_code == 422
        assert "这是您最后一种二次验证" in asked.text
        sure = {"password": PASSWORD, "sure": "yes"}
        wrong = client.post("/account/second-factor/remove", data=sure | {"code": codes[1]})
        assert wrong.status_code == 401, "the old codes work no more"
        fresh = re.findall(r"<code>([a-z0-9-]{19})</code>", renewed.text)[0]
        gone = client.post("/account/second-factor/remove", data=sure | {"code": fresh})
        assert gone.status_code == 303
    assert log_in(site, "dispatcher").status_code == 303
    kept = site.conn.execute("SELECT string_agg(detail::text, '') FROM audit").fetchone()
    assert kept is not None
    assert secret not in kept[0]
    assert codes[1] not in kept[0]


def test_an_app_is_enrolled_at_the_login_and_the_lead_lets_in_whoever_has_no_telephone(
    database_url: str, tmp_path: Path
) -> None:
    with console_site(database_url, tmp_path, second_factor="staff") as site, site.client() as browser:
        password = {"login": "dispatcher", "password": PASSWORD}
        begun = browser.post("/login", data=password | {"next": "/handovers"})
        assert begun.headers["location"] == "/login/second-factor?next=/handovers"
        assert site.conn.execute("SELECT count(*) FROM session").fetchone() == (0,), "no session before the app"
        assert browser.get("/handovers").headers["location"].startswith("/login")
        with site.client() as other:
            assert other.get("/login/second-factor").headers["location"] == "/login", "another browser"
        shown = browser.get("/login/second-factor?next=/handovers").text
        found = re.search(r'id="secret">(\w+)<', shown)
        assert found is not None
        assert "<svg width=" in shown
        wrong = browser.post("/login/second-factor", data={"code": "000000"})
        assert wrong.status_code == 422
        assert found[1] in wrong.text, "the same picture"
        done = browser.post("/login/second-factor", data={"code": pyotp.TOTP(found[1]).now(), "next": "/handovers"})
        assert done.status_code == 200
        assert len(re.findall(r"<code>([a-z0-9-]{19})</code>", done.text)) == 10
        assert 'href="/handovers"' in done.text
        assert browser.get("/handovers").status_code == 200
        assert log_in(site, "dispatcher").status_code == 401, "from now on a code is asked for"
        assert browser.post("/account/let-in", data={"login": "carer"}).status_code == 403

        # another password meanwhile ends what the old one began
        with site.client() as late:
            late.post("/login", data={"login": "carer", "password": PASSWORD})
            site.conn.execute("UPDATE account SET password_hash = password_hash || ' ' WHERE login = 'carer'")
            assert late.get("/login/second-factor").status_code == 303
            site.conn.execute("UPDATE account SET password_hash = trim(password_hash) WHERE login = 'carer'")
        site.conn.execute("UPDATE account SET role = 'lead' WHERE login = 'station'")
        with site.client("station") as lead:
            assert lead.post("/account/let-in", data={"login": "carer-ms"}).status_code == 422, "of another street"
            assert lead.post("/account/let-in", data={"login": "station"}).status_code == 422
            made = lead.post("/account/let-in", data={"login": "carer"})
            code = re.findall(r"<code>([a-z0-9-]{19})</code>", made.text)[0]
        assert log_in(site, "carer", code, "another password").status_code == 401
        assert log_in(site, "carer", code).status_code == 303
        assert log_in(site, "carer", code).headers["location"].startswith("/login/second-factor"), "once"


def test_what_is_sensitive_asks_for_the_password_after_ten_minutes_and_loses_nothing(site: ConsoleSite) -> None:
    with site.client("carer") as client:
        site.conn.execute("UPDATE session SET confirmed_at = %s", (now() - dt.timedelta(minutes=11),))
        asked = client.post("/account/second-factor", data={"any": "thing"})
        assert asked.status_code == 401
        assert '<input type="hidden" name="any" value="thing">' in asked.text
        assert client.post("/account/second-factor", data={"confirm_password": "no"}).status_code == 401
        assert client.get("/account/second-factor").status_code == 303, "nothing was offered"
        assert client.post("/account/second-factor", data={"confirm_password": PASSWORD}).status_code == 303
        assert client.post("/account/second-factor").status_code == 303, "for ten minutes it is enough"
        site.conn.execute("UPDATE session SET confirmed_at = NULL")
        asked = client.get("/account/passkeys/new")
        assert asked.status_code == 401
        going = client.post("/account/confirm", data={"next": "/account/passkeys/new", "confirm_password": PASSWORD})
        assert going.headers["location"] == "/account/passkeys/new"
    assert site.conn.execute("SELECT count(*) FROM audit WHERE action = 'confirm'").fetchone() == (2,)


def test_sessions_are_listed_and_ended(site: ConsoleSite) -> None:
    with site.client("station") as here, site.client("station") as there, site.client("daughter") as family:
        page = here.get("/account").text
        assert page.count("· 本设备") == 1
        number = re.findall(r"/account/sessions/(\d+)/end", page)
        assert len(number) == 1
        assert family.post(f"/account/sessions/{number[0]}/end").status_code == 404, "somebody else's"
        assert there.get("/account").status_code == 200
        assert here.post(f"/account/sessions/{number[0]}/end").status_code == 303
        assert there.get("/account").headers["location"].startswith("/login")
        site.token("station")
        here.post("/account/sessions/end-others")
        assert len(re.findall(r"/account/sessions/(\d+)/end", here.get("/account").text)) == 0
        assert "我的账号" in family.get("/account").text


def test_a_password_is_changed_with_the_error_at_its_field(site: ConsoleSite) -> None:
    with site.client("dispatcher") as client:
        assert "至少 12 个字符" in client.get("/password").text
        weak = client.post("/password", data={"current": PASSWORD, "new": "qwertyuiop12", "again": "qwertyuiop12"})
        assert re.search(r'name="new"[^>]*aria-invalid="true"', weak.text)
        other = client.post("/password", data={"current": PASSWORD, "new": "a b c d e f g", "again": "x"})
        assert re.search(r'name="again"[^>]*aria-invalid="true"', other.text)
        new = "five other words are better"
        assert client.post("/password", data={"current": PASSWORD, "new": new, "again": new}).status_code == 303
        assert "密码已修改" in client.get("/account").text
    assert log_in(site, "dispatcher").status_code == 401
