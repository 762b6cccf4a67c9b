"""Pages of privacy: the register of consents, and what follows from it."""

import datetime as dt
import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from care_services.privacy import job
from dispatch.family import panels
from shouwang.cli.main import app
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import of_service
from tests.support.network import account

pytestmark = pytest.mark.integration


def test_a_consent_is_withdrawn_after_the_page_named_what_ends(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("station") as client:
        site.conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at) SELECT id, '139', '陈丽', 'Chen Li', '女儿', 'daughter', 1, now() FROM resident"
            " WHERE code = 'R1'"
        )
        listed = client.get("/care/consents").text
        assert "紧急情况联系家属" in listed
        page = client.get("/care/consents/R1").text
        way = re.search(r'href="(/care/consents/R1/withdraw\?purpose=emergency_contact[^"]*)"', page)
        assert way is not None
        asked = client.get(way[1].replace("&amp;", "&")).text
        assert "不再致电女儿陈丽" in asked
        assert "此后没有可以致电的家属" in asked
        fields = dict(re.findall(r'name="(purpose|recipient|seen)" value="([^"]*)"', asked))
        wrong = client.post("/care/consents/R1/withdraw", data=fields)
        assert wrong.status_code == 422
        assert "请选择以何种方式表示" in wrong.text
        done = client.post("/care/consents/R1/withdraw", data={**fields, "how": "telephone"}, follow_redirects=True)
        assert "此刻起处处生效" in done.text
        again = client.post("/care/consents/R1/withdraw", data={**fields, "how": "telephone"})
        assert again.status_code == 409  # on an older state
        given = client.post(
            "/care/consents/R1/give",
            data={"what": "research", "how": "paper", "evidence": "表 9"},
            follow_redirects=True,
        )
        assert "表 9" in given.text
        assert client.post("/care/consents/R1/give", data={"what": "", "how": "paper"}).status_code == 404
        assert client.get("/care/consents/R2").status_code == 404  # another street's
        assert site.conn.execute("SELECT consent_at FROM contact WHERE phone = '139'").fetchone() == (None,)
        _at_home(site)


def _at_home(site: ConsoleSite) -> None:
    """The family and the panel at home see the register, and take a consent back in two steps."""
    with site.client("daughter") as family:
        page = family.get("/family/R1/consents").text
        assert "去标识化后用于研究" in page
        assert "/family/R1/leave" in page  # what is one's own, one ends oneself
        assert 'id="seen"' in page
        asked = family.get("/family/R1/consents/withdraw?purpose=research").text
        assert "老人不再进入任何研究导出" in asked
        fields = dict(re.findall(r'name="(purpose|seen)" value="([^"]*)"', asked))
        assert family.post("/family/R1/consents/withdraw", data=fields).status_code == 422
        ended = family.post("/family/R1/consents/withdraw", data={**fields, "by": "self"}, follow_redirects=True)
        assert "此刻起处处生效" in ended.text
        assert site.conn.execute("SELECT consent_of(1, 'research')").fetchone() == (False,)
        assert family.post("/family/R1/consents/withdraw", data={**fields, "by": "self"}).status_code == 409
        assert family.get("/family/R1/consents/withdraw?purpose=family_view").status_code == 404  # at the station
        assert family.get("/family/R2/consents").status_code == 404
    site.conn.execute(
        "INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how) SELECT id, 'photos', true, now(),"
        " 'self', 'paper' FROM resident WHERE code = 'R1'"
    )
    path = panels.make(site.conn, site.keys, account(site.conn, "admin"), "gw-1", dt.datetime.now(dt.UTC), "test")
    with site.client() as panel:
        assert "上门时拍照" in panel.get(f"{path}/consents").text
        assert "以前的照片不再显示" in panel.get(f"{path}/consents?purpose=photos&who=R1").text
        assert panel.post(f"{path}/consents", data={"purpose": "photos", "who": "R2"}).status_code == 404
        done = panel.post(f"{path}/consents", data={"purpose": "photos", "who": "R1"}, follow_redirects=True)
        assert "已撤回，从现在起生效" in done.text
    assert site.conn.execute("SELECT consent_of(1, 'photos')").fetchone() == (False,)


def test_a_copy_is_fetched_and_an_erasure_waits_for_a_second_person(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as client:
        site.conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('head', '!', '主任', 'Head', 'manager', 'sz.yt')"
        )
        wrong = client.post("/care/privacy/copies", data={"resident": "R1", "asked_by": "self", "identity": " "})
        assert wrong.status_code == 422
        assert "请写明如何核实" in wrong.text
        client.post("/care/privacy/copies", data={"resident": "R1", "asked_by": "family", "identity": "委托书"})
        with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as maintain:
            assert job.turn(maintain)
            listed = client.get("/care/privacy/copies").text
            way = re.search(r'href="(/care/privacy/copies/\d+/archive)"', listed)
            assert way is not None
            archive = client.get(way[1])
            assert archive.headers["content-type"] == "application/zip"
            assert archive.content[:2] == b"PK"
            rest = client.get(way[1], headers={"Range": "bytes=100-"})
            assert (rest.status_code, rest.content) == (206, archive.content[100:])
            assert client.get(way[1], headers={"Range": "bytes=99999999-"}).status_code == 416
            assert "已下载" in client.get("/care/privacy/copies").text
            plan = client.get("/care/privacy/erasures?resident=R1").text
            assert "去除身份" in plan
            asked = {"resident": "R1", "reason": "asked", "asked_by": "self", "identity": "身份证"}
            place = client.post("/care/privacy/erasures", data=asked).headers["location"]
            client.post(f"{place}/vote", data={"yes": "yes"})
            assert "还须第二人批准" in client.get(place).text
            assert client.post(f"{place}/vote", data={"yes": "yes"}).status_code == 403
            with site.client("head") as head:
                assert head.post(f"{place}/vote", data={"yes": "yes"}).status_code == 303
                assert job.turn(maintain)
                assert "删除凭证" in head.get(place).text
        assert client.get("/residents/R1").status_code == 404


def test_a_breach_is_written_down_and_who_has_to_be_told_stays_open(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as client:
        form = {"happened_at": "2026-01-05T10:00", "kind": "leak", "what": "", "people": "x"}
        wrong = client.post("/care/privacy/breaches", data=form)
        assert wrong.status_code == 422
        assert "填人数" in wrong.text
        client.post("/care/privacy/breaches", data={**form, "what": "误发名单", "people": ""})
        listed = client.get("/care/privacy/breaches").text
        assert "误发名单" in listed
        assert listed.count("须立即通知，已过") == 2
        site.conn.execute("UPDATE privacy_breach SET noticed_at = noticed_at - interval '80 hours'")
        assert client.get("/care/privacy/breaches").text.count("已超过 72 小时") == 2
        assert "2 项已超过 72 小时" in client.get("/care/privacy/duties").text
        assert client.post("/care/privacy/breaches/1", data={"step": "close", "version": 1}).status_code == 422
        assert client.post("/care/privacy/breaches/1", data={"step": "waived", "version": 1}).status_code == 422
        for version, step in enumerate(("authority", "waived", "close"), 1):
            asked = {"step": step, "version": version, "why": "收件人当场删除并书面确认"}
            assert client.post("/care/privacy/breaches/1", data=asked).status_code == 303
        assert client.post("/care/privacy/breaches/1", data={"step": "people", "version": 1}).status_code == 409
        for page in ("duties", "assessment", "retention", "processing", "research"):
            answer = client.get(f"/care/privacy/{page}", headers={"Accept-Language": "en"})
            assert answer.status_code == 200, page
        _by_command(database_url)
        assert "数据出口" in client.get("/care/privacy/processing").text
        assert "0 张没有决定" in (duties := client.get("/care/privacy/duties").text)
        assert "登记为不满十四周岁的：0 人" in duties


def _by_command(url: str) -> None:
    """The same by command."""

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["care", "privacy", *words, "--url", url, "--as", "admin"])
        assert done.exit_code == 0, done.output
        return done.output

    assert "57" in run("duties")
    assert "误发名单" in run("breaches", "list")
    assert "事件 breach 2" in run("breaches", "add", "丢失一台平板", "--happened", "2026-01-05T10:00", "--kind", "loss")
    assert "民法典" not in run("retention", "show")
    assert "removed 0" in run("retention", "run")
    planned = ("--purpose", "x", "--recipient", "深圳大学", "--columns", "sex,falls", "--until")
    until = (dt.date.today() + dt.timedelta(days=30)).isoformat()
    assert "submitted" in run("research", "plan", "跌倒", *planned, until)
    assert "深圳大学" in run("research", "list")
    run("erasures", "run")
    assert "emergency_contact" in CliRunner().invoke(app, ["care", "privacy", "doors"]).output
    assert "quasi" in CliRunner().invoke(app, ["care", "privacy", "research", "columns"]).output
