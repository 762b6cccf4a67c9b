"""The pages of registers: a table chosen, its columns confirmed, lines decided on side by side; identity numbers."""

import re
from collections.abc import Iterator

import httpx2
import pytest

from care_network.identity import keys, vault
from care_network.identity.numbers import check_character, parse
from care_services.registers.data.classes import groups
from care_services.registers.data.five import SIDES
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.network import NOW, account

pytestmark = pytest.mark.integration
NUMBER = "44030819400101001"
NUMBER += check_character(NUMBER)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder = tmp_path_factory.mktemp("registers")
    ring = keys.create(folder / "identity.keys")
    with (
        database_cluster.fresh_database() as url,
        console_site(url, folder, identity_key_file=folder / "identity.keys") as found,
    ):
        vault.put(found.conn, ring, account(found.conn, "admin"), "R1", parse(NUMBER), 0, at=NOW)
        yield found


def send(client: httpx2.Client, text: str) -> str:
    """Choose a table and confirm its columns; returns the address of the import."""
    chosen = client.post(
        "/care/registers", data={"which": "low_income", "taken_on": "2026-01-05"},
        files={"file": ("低保.csv", text.encode(), "text/csv")},
    )  # fmt: skip
    assert chosen.status_code == 303, chosen.text
    columns = client.get(chosen.headers["location"]).text
    assert '<option value="身份证号" selected>' in columns
    taken = client.post(
        chosen.headers["location"], data={"name": "姓名", "identity": "身份证号", "phone": "电话", "since": "认定日期"}
    )
    return str(taken.headers["location"])


def test_a_register_is_taken_in_and_decided_on(site: ConsoleSite) -> None:
    text = f"姓名,身份证号,电话,认定日期\n陈大,{NUMBER},13900000001,2025-03-01\n李,110105194912310021,,\n"
    with site.client("admin") as client:
        wrong = client.post("/care/registers", data={"which": "low_income", "taken_on": "soon"},
                            files={"file": ("a.csv", b"x", "text/csv")})  # fmt: skip
        assert wrong.status_code == 422
        assert "日期写法如" in wrong.text
        address = send(client, text)
        page = client.get(address).text
        assert "应为 X，现为 1" in page, "a line that cannot be read says why"
        assert NUMBER not in page
        assert "again=1" in send(client, text), "the same file comes in once"
        row = site.conn.execute("SELECT id, version FROM register_line WHERE verdict = 'conflict'").fetchone()
        assert row is not None
        many = f"{address}/conflicts"
        assert "同一类的行" in client.get(many).text
        (difference,) = site.conn.execute("SELECT id FROM register_difference WHERE field = 'name'").fetchall()
        chosen = {"kind": "name", "choice": "theirs", "row": f"{difference[0]}:{row[1]}"}
        assert client.post(many, data=chosen).status_code == 422, "not without a reason"
        asked = client.post(many, data={**chosen, "reason": "窗口核对"}).text
        assert "1 位老人的姓名改为名册的内容" in asked
        line = client.get(f"/care/registers/lines/{row[0]}").text
        for words in ("陈大", "不一致", "本平台没有", f"4403{'*' * 13}{NUMBER[-1]}"):
            assert words in line
        data = {"version": row[1], "choice.name": "ours", "choice.phone": "theirs", "choice.trait": "theirs"}
        assert "请填写理由" in client.post(f"/care/registers/lines/{row[0]}/decide", data=data).text
        done = client.post(f"/care/registers/lines/{row[0]}/decide", data={**data, "reason": "电话核实"})
        assert done.status_code == 303
        assert client.post(f"/care/registers/lines/{row[0]}/decide", data={**data, "reason": "晚了"}).status_code == 409
        assert "电话核实" in client.get(f"/care/registers/lines/{row[0]}").text
        unread = site.conn.execute("SELECT id, version FROM register_line WHERE verdict = 'unreadable'").fetchone()
        assert unread is not None
        aside = {"version": unread[1], "reason": "退回社区核对"}
        assert client.post(f"/care/registers/lines/{unread[0]}/aside", data=aside).status_code == 303
        assert "全部处理完" in client.get("/care/registers").text
    assert site.conn.execute("SELECT count(*) FROM resident_trait WHERE holds").fetchone() == (1,)


def test_a_source_is_tried_on_a_file_and_kept(site: ConsoleSite) -> None:
    new = {
        "code": "bureau", "register": "disability", "name_zh": "区残联", "name_en": "Federation", "area": "sz.yt",
        "url": "https://bureau.example.org/list", "every_hours": "24", "active": "yes",
        "column.name": "名字", "column.identity": "证号",
    }  # fmt: skip
    file = {"file": ("残联.csv", f"名字,证号\n陈大,{NUMBER}\n李,1\n".encode(), "text/csv")}
    with site.client("admin") as client:
        address = "/care/registers/sources/new"
        tried = client.post(address, data={**new, "try": "1"}, files=file).text
        for words in ("1 行无法读取", f"4403{'*' * 13}{NUMBER[-1]}", "证件号码 ← 证号"):
            assert words in tried
        assert "表中没有“证号”这一列" in client.post(
            address, data={**new, "try": "1"}, files={"file": ("a.csv", b"\xe5\x90\x8d\xe5\xad\x97\n1\n", "text/csv")}
        ).text  # fmt: skip
        for field, value, words in (
            ("url", "ftp://x", "请填写 https"), ("every_hours", "0", "小时"), ("column.name", "", "姓名所在的列")
        ):  # fmt: skip
            wrong = client.post(address, data={**new, field: value})
            assert (wrong.status_code, words in wrong.text) == (422, True), field
        assert client.post(address, data=new).status_code == 303
        change = {**new, "version": "1", "every_hours": "12"}
        assert client.post("/care/registers/sources/bureau", data=change).status_code == 303
        assert client.post("/care/registers/sources/bureau", data=change).status_code == 409
        page = client.get("/care/registers/sources/bureau").text
        assert "<del>24</del>" in page
        assert "从未" in page
    with site.client("admin-hs") as client:
        assert client.get("/care/registers/sources/bureau").status_code == 404


def test_an_identity_number_is_shown_whole_for_a_reason_alone(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        assert NUMBER not in client.get("/care/identity/R1").text
        assert client.post("/care/identity/R1/look", data={"reason": " "}).status_code == 422
        shown = client.post("/care/identity/R1/look", data={"reason": "窗口核对证件"})
        assert NUMBER in shown.text
        assert shown.headers["cache-control"] == "no-store"
        wrong = client.post("/care/identity/R2", data={"document": "id_card", "number": "11010519491331002X"})
        assert wrong.status_code == 422
        assert "第 11–12 位 13 不是月份" in wrong.text
        gone = {"left_on": "2026-01-01", "reason": "moved", "evidence": "户籍迁出证明"}
        assert client.get("/care/left/R2/before", params={**gone, "left_on": "soon"}).status_code == 422
        before = client.get("/care/left/R2/before", params=gone).text
        assert "据登记该户将无人居住" in before
        assert "家属可再查看 30 天" in before, "the terms by the rules"
        assert site.conn.execute("SELECT count(*) FROM resident WHERE gone IS NOT NULL").fetchone() == (0,)
        assert client.post("/care/identity/R2/left", data=gone).status_code == 303
        assert "户籍迁出证明" in client.get("/care/left").text
        assert "待取回" in client.get("/care/left/devices").text
        assert "登记并办理" not in client.get("/care/left/R2").text
    with site.client("dispatcher") as client:
        assert client.get("/care/identity/R1").status_code == 403
    kept = site.conn.execute("SELECT detail FROM audit WHERE action = 'reveal_identity'").fetchall()
    assert [row[0]["reason"] for row in kept] == ["窗口核对证件"]


def test_every_table_has_a_class_an_owner_and_a_retention(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        page = client.get("/care/data").text
        assert "尚无分类" not in page, "give the table an entry in care_services/registers/data/classes.toml"
        assert "register_line</code>" in page
        base = client.get("/care/data?show=base").text
        assert ">resident</code>" in base
        assert ">figure_count</code>" not in base
        for side in SIDES:
            for doing in side.doings:
                assert client.get(doing.address).status_code in (200, 303), doing.address
                assert f'href="{doing.address}"' in page
        assert "老人基本资料" in base, "words of people, not names of tables"
        assert re.search(r"<b class=\"num\">\d+</b> 行待认定", page), "a number that is counted"
        assert "每 5 分钟补算" in page
        assert "未知" in page, "nothing counts imports"
    site.conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
        " SELECT 'auditor', password_hash, '审', 'Auditor', 'auditor', 'sz.yt' FROM account WHERE login = 'carer'"
    )
    with site.client("auditor") as client:
        assert client.get("/care/data?show=decision").status_code == 200
    with site.client("carer") as client:
        assert 'class="button" href="/audit"' not in client.get("/care/data").text, "only what one may open"
    names = [name for group in groups() for name in group.tables.split()]
    assert len(names) == len(set(names)), "a table is named once"
