"""The audit over HTTP: search in words, scope, export, the look that is a line itself, whether it is whole."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from database.rights import checkpoints
from tests.support.console_site import ConsoleSite, console_site, now

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        found.conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT new.login, password_hash, '审', 'Auditor', 'auditor', new.area::ltree, language FROM account,"
            " (VALUES ('auditor', 'sz.yt'), ('auditor-ms', 'sz.yt.ms')) AS new (login, area)"
            " WHERE account.login = 'carer'"
        )
        yield found


def test_an_auditor_searches_in_words_and_each_search_is_a_line(site: ConsoleSite) -> None:
    with site.client("carer") as carer, site.client("auditor") as auditor, site.client("auditor-ms") as other:
        shown = carer.get("/residents/R1")
        assert (shown.status_code, "data-pulse" in shown.text) == (200, True)
        assert carer.get("/audit").status_code == 403
        page = auditor.get("/audit?resident=R1").text
        assert "查看老人" in page
        assert not re.search('data-pulse|class="find"', page), "it asks for nothing that an auditor may not have"
        assert re.search(r'resident=R1">陈</a> <span class="dim small">R1<', page)
        assert "查看老人" in auditor.get("/audit?resident=陈&login=carer&action=kind:looks").text, "by names"
        assert "哪" not in page
        again = auditor.get("/audit?action=view_audit").text
        assert "查询审计记录" in again
        assert re.search(r"老人：R1", again)
        assert "R1" not in re.sub(r"<form.*?</form>", "", other.get("/audit").text, flags=re.S), "another street's"
        site.conn.execute(
            "INSERT INTO audit (at, account_id, action, resident_id, origin)"
            " SELECT now() - n * interval '1 day', (SELECT id FROM account WHERE login = 'carer'), 'view_resident',"
            " (SELECT id FROM resident WHERE code = 'R2'), 'day ' || n FROM generate_series(20, 89) AS n"
        )
        address, days = "/audit?action=view_resident", list[str]()
        while address:
            page = other.get(address).text
            days += re.findall(r"day (\d+)", page)
            behind = re.search(r'rel="next" href="([^"]+)"', page)
            address = behind[1].replace("&amp;", "&") if behind else ""
        assert days == [str(number) for number in range(20, 90)], "a street in which little happened"
        assert not re.findall(r"day \d+", other.get("/audit?action=view_audit").text)
        assert auditor.get("/audit?since=yesterday").status_code == 422
        assert auditor.get("/audit?login=nobody").status_code == 200
        assert "没有账号“nobody”" in auditor.get("/audit?login=nobody").text
        for number in range(60):
            site.conn.execute("INSERT INTO audit (action, origin) VALUES ('login_failed', %s)", (f"10.0.0.{number}",))
        first = auditor.get("/audit?action=login_failed").text
        onward = re.search(r'rel="next" href="([^"]+)"', first)
        assert onward is not None
        second = auditor.get(onward[1].replace("&amp;", "&")).text
        assert "10.0.0.59" in first
        assert "10.0.0.5<" in second
        assert "10.0.0.59" not in second


def test_an_export_is_audited_with_its_lines_and_holds_no_formula(site: ConsoleSite) -> None:
    site.conn.execute("INSERT INTO audit (action, origin) VALUES ('login_failed', '=1+1')")
    with site.client("auditor") as auditor:
        text = auditor.get("/audit/export?action=login_failed").content.decode("utf-8-sig")
        assert "登录失败" in text
        assert "'=1+1" in text
        book = openpyxl.load_workbook(io.BytesIO(auditor.get("/audit/export?format=xlsx").content))
        assert book.active is not None
        assert book.active["F2"].data_type == "s"
    told = site.conn.execute("SELECT detail FROM audit WHERE action = 'export_audit' ORDER BY id").fetchall()
    assert told[0][0] == {"action": "login_failed", "format": "csv", "lines": 1}


def test_the_page_tells_whether_the_chain_is_whole_and_gives_signed_checkpoints(
    site: ConsoleSite, tmp_path: Path
) -> None:
    with site.client("auditor") as auditor:
        page = auditor.get("/audit").text
        assert "审计链从未校验" in page
        assert "尚无签名检查点" in page
        assert auditor.post("/audit/verify").status_code == 303
        assert "校验完整" in auditor.get("/audit").text
        checkpoints.make_key(tmp_path / "audit.key")
        made = checkpoints.make(site.conn, now(), checkpoints.load_key(tmp_path / "audit.key"))
        assert made is not None
        assert "签名检查点：" in auditor.get("/audit").text
        assert f"/audit/checkpoints/{made.position}" in auditor.get("/audit/checkpoints").text
        assert checkpoints.read(auditor.get(f"/audit/checkpoints/{made.position}").text) == made
        with site.conn.transaction():
            site.conn.execute("SET LOCAL session_replication_role = replica")
            site.conn.execute("UPDATE audit SET origin = 'elsewhere' WHERE id = (SELECT min(id) FROM audit)")
        auditor.post("/audit/verify")
        broken = auditor.get("/audit").text
        assert "处问题" in broken
        assert "内容被改过" in broken


def test_an_account_that_looks_at_many_stands_out_and_a_family_sees_who_looked(site: ConsoleSite) -> None:
    with site.client("carer") as carer, site.client("auditor") as auditor, site.client("daughter") as daughter:
        assert carer.get("/residents/R1").status_code == 200
        assert "无可比日" in auditor.get("/audit/looks").text
        assert carer.get("/audit/looks").status_code == 403
        for _ in range(5):
            assert carer.get("/residents/R2").status_code == 404
        page = auditor.get("/audit/looks").text
        assert re.search(r"login=carer&amp;since=\d.*?异常", page)
        assert auditor.get("/audit/looks?day=x").status_code == 422
        seen = re.search(r'id="seen".*?</section>', daughter.get("/family/R1/circle").text, re.S)
        assert seen
        assert "护理员" in seen[0]
        assert "1 次" in seen[0]
        assert daughter.get("/family/R2/circle").status_code == 404


def test_what_is_done_to_a_home_is_found_by_each_of_its_residents(site: ConsoleSite) -> None:
    site.conn.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
        " SELECT 'R1b', household_id, '李', 'Li', 'female', '1941-01-01' FROM resident WHERE code = 'R1'"
    )
    form = {"kind": "maintenance", "hours": "1", "reason": "换电池"}
    with site.client("dispatcher") as dispatcher, site.client("auditor") as auditor:
        assert dispatcher.post("/pauses/H1", data=form).status_code == 303
        for code in ("R1", "R1b"):
            page = auditor.get(f"/audit?resident={code}&action=begin_pause").text
            assert f'small">{code}<' in page


def test_steps_on_an_alert_are_found_by_its_resident_its_people_and_the_alert(site: ConsoleSite) -> None:
    alert_id = site.alert()
    with site.client("dispatcher") as dispatcher, site.client("auditor") as auditor:
        assert dispatcher.get(f"/alerts/{alert_id}").status_code == 200
        taken = dispatcher.post(f"/alerts/{alert_id}/acknowledge", data={"version": "1"})
        assert taken.status_code == 303
        for query in ("resident=R1", "login=dispatcher", "action=kind:steps", "action=step:acknowledge",
                      f"alert={alert_id}", "since=2020-01-01"):  # fmt: skip
            found = auditor.get(f"/audit?{query}").text
            assert "<b>接警</b>" in found, query
            assert f"/audit?alert={alert_id}" in found
            assert f'href="/alerts/{alert_id}"' not in found, "an auditor opens no alert"
        assert "<b>查看预警</b>" in auditor.get(f"/audit?alert={alert_id}").text
        assert "<b>接警</b>" not in auditor.get("/audit?action=kind:looks").text
        assert "<b>接警</b>" not in auditor.get("/audit?resident=R2").text
        assert "<b>预警产生</b>" in auditor.get("/audit?action=kind:system").text
        assert auditor.get("/audit?alert=x").status_code == 422
        assert "疑似" in auditor.get("/audit/export?resident=R1&action=step:acknowledge").content.decode("utf-8-sig")
    with site.client("auditor-ms") as other:
        assert str(alert_id) not in other.get("/audit").text
    site.conn.execute(
        "INSERT INTO alert_event (alert_id, at, action, to_state, actor)"
        " SELECT %s, now() - n * interval '1 s', 'note', 'raised', '王芳' FROM generate_series(1, 70) n", (alert_id,)
    )  # fmt: skip
    with site.client("auditor") as auditor:
        first = auditor.get("/audit?login=王芳").text
        onward = re.search(r'rel="next" href="([^"]+)"', first)
        assert onward is not None
        second = auditor.get(onward[1].replace("&amp;", "&")).text
        assert (first.count("<b>添加备注</b>"), second.count("<b>添加备注</b>")) == (50, 20)
