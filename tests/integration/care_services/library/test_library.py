"""Documents that are read and confirmed, courses with their tests and certificates, over HTTP."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typst

from care_network.upkeep.recent import Recent
from care_services.core.notice_round import look
from care_services.library import reminding
from care_services.library.courses import attempts, forming, keeping
from care_services.library.products import products, versions
from care_services.rounds.outside import Nobody
from tests.support.care_routes.library import acting, certificate_of, right_answers
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account
from tests.support.pdf_text import PdfText
from tests.support.word_files import docx, paragraph
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
WORD = docx(paragraph("走廊铺", "防滑垫"))


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        keeping.add_built_in(found.conn, now())
        yield found


def today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


def test_a_document_is_found_read_confirmed_and_read_again_after_a_new_version(site: ConsoleSite) -> None:
    form = {
        "code": "falls", "title_zh": "跌倒处置规程", "kind": "procedure", "roles": ["carer", "station"],
        "text": "# 步骤\n\n三分钟内派人。<script>x</script>", "valid_from": str(today()),
    }  # fmt: skip
    with site.client("admin") as client:
        wrong = client.post("/care/documents/new", data=form | {"code": "Falls!"})
        assert wrong.status_code == 422
        assert "代码只能用小写字母" in wrong.text
        assert "三分钟内派人" in wrong.text, "what was typed is kept"
        assert client.post("/care/documents/new", data=form).status_code == 303
        assert client.post("/care/documents/new", data=form).status_code == 422
        assert "5 人" not in client.get("/care/documents").text
        assert "0 / 4" in client.get("/care/documents/falls").text, "two carers and two stations"
    with site.client("carer") as client:
        assert "您还需阅读" in client.get("/care/documents").text
        found = client.get("/care/documents?q=分钟 派人").text
        assert "跌倒处置规程" in found
        assert "没有符合条件的内容" in client.get("/care/documents?q=没有这个词").text
        shown = client.get("/care/documents/falls").text
        assert "<script>x" not in shown
        assert client.post("/care/documents/falls/read", data={"number": 1}).status_code == 303
        assert "您已于" in client.get("/care/documents/falls").text
        assert client.post("/care/documents/new", data=form | {"code": "x"}).status_code == 403
    with site.client("admin") as client:
        readers = client.get("/care/documents/falls/readers").text
        assert "station-ms" in readers
        assert "carer-ms" in readers
        assert "<span>0 / 1</span>" in readers, "by unit"
        assert "station-ms" not in client.get("/care/documents/falls/readers?unit=center-1").text
        new = {"seen": 1, "text": "# 步骤\n\n两分钟内派人。", "valid_from": str(today()), "note": ""}
        assert "请写明本版的变化" in client.post("/care/documents/falls/version", data=new).text
        assert client.post("/care/documents/falls/version", data=new | {"note": "两分钟"}).status_code == 303
        stale = client.post("/care/documents/falls/version", data=new | {"note": "又改"})
        assert stale.status_code == 409
        assert "两分钟" in stale.text
        compared = client.get("/care/documents/falls/compare").text
        assert "<del>三分钟内派人。</del>" in compared
        assert "<ins>两分钟内派人。</ins>" in compared
        sent = {"file": ("a.pdf", b"<html>", "application/pdf")}
        again = new | {"seen": 2, "note": "附件", "valid_from": str(today())}
        assert "请选择 PDF 或 Word" in client.post("/care/documents/falls/version", data=again, files=sent).text
        client.post("/care/documents/falls/version", data=again, files={"file": ("a.docx", WORD, "")})
        got = client.get("/care/documents/falls/file/3")
        assert got.content == WORD
        assert "走廊铺防滑垫" in client.get("/care/documents/falls").text, "the words inside, on the page"
        assert "防滑垫" in client.get("/care/documents?q=铺防滑垫").text
        assert "sandbox" in got.headers["content-security-policy"]
        changed = {"version": 1, "title_zh": "跌倒规程", "kind": "procedure", "roles": ["carer"], "read_days": "3"}
        assert client.post("/care/documents/falls/edit", data=changed).status_code == 303
        assert client.post("/care/documents/falls/edit", data=changed).status_code == 409
    reminding.tell_due(site.conn, today() + dt.timedelta(days=10), now())
    _by_link(site)
    with site.client("carer") as client:
        assert "《跌倒规程》第 3 版" in client.get("/care/notices/mine").text
        late = client.post("/care/documents/falls/read", data={"number": 1})
        assert late.status_code == 409
        assert "现行版本已是第 3 版" in late.text
        assert client.post("/care/documents/falls/read", data={"number": 3}).status_code == 303
    told = site.conn.execute("SELECT to_key, state FROM care_notice ORDER BY to_key").fetchall()
    assert told == [("S1", "withdrawn"), ("S2", "queued")], "read: taken back"
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        site.conn.execute("UPDATE library_version SET text = 'x'")
    with site.client("admin") as client:
        paper = typst.compile(b"The AED stays Dry.\n#pagebreak()\nB")
        sent = {"file": ("a.pdf", paper, "application/pdf")}
        more = {"seen": 3, "text": "", "note": "图", "valid_from": str(today())}
        assert client.post("/care/documents/falls/version", data=more, files=sent).status_code == 303
        page = client.get("/care/documents/falls").text
        assert 'src="/care/documents/falls/file/4/page/2" alt="第 2 页"' in page
        drawn = client.get("/care/documents/falls/file/4/page/1")
        assert (drawn.headers["content-type"], drawn.content[:4]) == ("image/png", b"\x89PNG")
        assert client.get("/care/documents/falls/file/4/page/9").status_code == 422
        assert client.get("/care/documents/falls/file/3/page/1").status_code == 404, "a Word file"
        assert "The AED stays Dry." in client.get("/care/documents?q=aed dry").text, "as it was written"


def _by_link(site: ConsoleSite) -> None:
    """Whoever holds the link of the message reads how many reminders there are, and no more without the digits."""
    look(site.conn, now().replace(hour=4) + dt.timedelta(days=2), Nobody())
    row = site.conn.execute("SELECT id FROM care_digest WHERE to_key = 'S1'").fetchone()
    assert row is not None
    link = f"/n/{site.keys.sign('care_digest', str(row[0]), 'staff:S1', now() + dt.timedelta(days=1))}"
    with site.client() as holder, site.client() as other:
        assert "文件待阅读：1" in re.sub(r"\s+", "", holder.get(link).text)
        assert "跌倒规程" not in holder.get(link).text
        assert holder.post(link, data={"digits": "9999"}).status_code == 403
        assert holder.post(link, data={"digits": "0001"}).status_code == 303
        assert "跌倒规程" in holder.get(link).text
        assert "跌倒规程" not in other.get(link).text, "another browser"
        for _ in range(4):
            assert other.post(link, data={"digits": "9999"}).status_code == 403
        assert "此链接已失效" in other.get(link).text
        assert other.post(link, data={"digits": "0001"}).status_code == 403, "five wrong ones in all"
        site.conn.execute("UPDATE staff SET active = false WHERE code = 'S1'")
        assert "跌倒规程" not in holder.get(link).text, "not theirs any more, in the browser that had it open, too"
        site.conn.execute("UPDATE staff SET active = true WHERE code = 'S1'")
    done = dict(
        site.conn.execute("SELECT action, count(*) FROM audit WHERE action ~ 'reminders' GROUP BY 1").fetchall()
    )
    assert done == {"view_reminders": 1, "open_reminders": 1, "refuse_reminders": 5}
    site.conn.execute("UPDATE care_notice SET state = 'queued'")


def test_a_manager_of_one_street_keeps_what_holds_there_and_no_course(site: ConsoleSite) -> None:
    site.conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        " SELECT 'head', password_hash, '主任', 'Head', 'manager', 'sz.yt.hs', 'zh' FROM account WHERE login = 'admin'"
    )
    form = {"title_zh": "文", "kind": "guide", "roles": ["carer"], "text": "字", "valid_from": str(today())}
    with site.client("admin") as client:
        client.post("/care/documents/new", data=form | {"code": "district"})
    with site.client("head") as client:
        assert client.post("/care/documents/new", data=form | {"code": "street"}).status_code == 303
        assert client.get("/care/documents/district").status_code == 200
        assert client.post("/care/documents/district/retire", data={}).status_code == 403
        assert client.post("/care/courses-issued/load", data={"platform": "1"}).status_code == 403
        assert client.post("/care/courses/meal_hygiene/retire", data={}).status_code == 403
    with site.client("carer-ms") as client:
        assert client.get("/care/documents/street").status_code == 404
        assert "district" in client.get("/care/documents").text


def test_a_family_takes_its_course_and_the_paper_is_looked_up_by_anybody(site: ConsoleSite) -> None:
    with site.client("daughter") as client:
        listed = client.get("/care/courses").text
        assert "家庭照护者课程" in listed
        assert "助餐卫生" not in listed, "for staff"
        assert client.get("/care/courses/meal_hygiene").status_code == 404
        assert client.get("/care/documents").status_code == 403
        assert "看出变化" in client.get("/care/courses/family_carers").text
        begun = client.post("/care/courses/family_carers/test", data={})
        address = begun.headers["location"]
        number = int(address.rpartition("/")[2])
        page = client.get(address)
        course = attempts.load(acting(site, "daughter"), number)[1]
        assert page.headers["cache-control"] == "no-store"
        assert not any(one.why_zh in page.text or one.why_en in page.text for one in course.question)
        assert client.post("/care/courses/family_carers/test", data={}).headers["location"] == address, "the same test"
        answers = right_answers(site, "daughter", number)
        few = {f"q{place}": named for place, named in list(answers.items())[:2]}
        unfinished = client.post(address, data=few)
        assert unfinished.status_code == 422
        assert "还有题目没有作答" in unfinished.text
        assert client.post(address, data={f"q{place}": named for place, named in answers.items()}).status_code == 303
        done = client.get(address).text
        assert "通过：5 题答对 5 题" in done
        assert any(one.why_zh in done for one in course.question), "now it is told"
        found = re.search(r"/care/courses/certificates/(SW\d{4}-\d{6})", done)
        assert found is not None
        paper = client.get(found[0]).text
        code = re.search(r"<dd>((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})</dd>", paper)
        assert code is not None
        printed = client.get(f"{found[0]}/file")
        if printed.status_code == 200:  # 503 where the machine has no Chinese font
            assert found[1] in PdfText(printed.content).text
        again = client.post("/care/courses/family_carers/test", data={})
        assert again.status_code == 422
        assert "无需再考" in again.text
    with site.client("carer") as client:
        assert client.get("/care/courses-edit/family_carers").status_code == 403
        assert client.get(found[0]).status_code == 404, "another's"
        assert client.get(address).status_code == 404
    with site.client() as client:
        told = client.get(f"/verify-certificate?code={code[1].lower()}").text
        assert "该证书有效" in told
        assert "某*" in told, "the name in part"
        assert client.get("/verify-certificate?code=AAAA-AAAA-AAAA-AAAA").status_code == 404
    with site.client("admin") as client:
        assert found[1] in client.get("/care/courses-issued?course=family_carers").text
        editor = "/care/courses-edit/family_carers"
        assert "第 1 章" in client.get(editor).text
        filled = forming.of_course(keeping.text_of(acting(site, "admin"), "family_carers")[1])
        form: dict[str, Any] = {**filled.plain, "topics": filled.topics, "seen": "1", "zh": "照护者课程（新）"}
        for kind, rows in (("c", filled.chapters), ("q", filled.questions)):
            form |= {f"{kind}{at}.{name}": text for at, row in enumerate(rows, 1) for name, text in row.items()}
        seen = client.post(editor, data=form | {"do": "preview", "c1.zh": "预览的章"}).text
        assert "学员看到的样子" in seen
        assert "1. 预览的章" in seen
        assert "抽题数多于题库" in client.post(editor, data=form | {"do": "save", "draw": "99"}).text
        assert client.post(editor, data=form | {"do": "save"}).status_code == 303
        stale = client.post(editor, data=form | {"do": "save", "zh": "又改"})
        assert stale.status_code == 409
        assert 'value="又改"' in stale.text, "nothing is lost"
        assert "照护者课程（新）" in client.get(f"{editor}/file").text
        paper = client.get(found[0]).text
        assert "家庭照护者课程" in paper
        assert "照护者课程（新）" not in paper, "what was issued stays"
        assert "停用这门课程" in client.post("/care/courses/family_carers/retire", data={}).text
        assert client.post(f"{found[0]}/revoke", data={"why": " "}).status_code == 422
        assert client.post(f"{found[0]}/revoke", data={"why": "误发"}).status_code == 303
    with site.client() as client:
        assert "已被撤销" in client.get(f"/verify-certificate?code={code[1]}").text


def test_tries_run_out_and_a_late_test_does_not_count(site: ConsoleSite) -> None:
    with site.client("carer") as client:
        for _ in range(3):
            address = client.post("/care/courses/meal_hygiene/test", data={}).headers["location"]
            number = int(address.rpartition("/")[2])
            attempt, _course = attempts.load(acting(site, "carer"), number)
            wrong = {f"q{one.question}": list(one.options) for one in attempt.questions}
            client.post(address, data=wrong)
            assert "未通过" in client.get(address).text
        out = client.post("/care/courses/meal_hygiene/test", data={})
        assert out.status_code == 422
        assert "3 次考试机会已用完" in out.text
        address = client.post("/care/courses/fall_prevention/test", data={}).headers["location"]
        number = int(address.rpartition("/")[2])
        site.conn.execute("UPDATE course_attempt SET ends_at = now() - interval '1 hour' WHERE id = %s", (number,))
        answers = right_answers(site, "carer", number)
        client.post(address, data={f"q{place}": named for place, named in answers.items()})
        assert "未通过" in client.get(address).text
    assert site.conn.execute("SELECT count(*) FROM course_certificate").fetchone() == (0,)


def test_a_course_gives_a_staff_certificate_only_by_somebody_else(site: ConsoleSite) -> None:
    conn = site.conn
    who = acting(site, "carer")
    number = attempts.begin(who, "first_aid_refresher")
    attempts.submit(who, number, right_answers(site, "carer", number))
    assert conn.execute("SELECT count(*) FROM staff_certificate").fetchone() == (0,), "nobody has looked at it yet"
    row = conn.execute("SELECT id FROM course_approval").fetchone()
    assert row is not None
    with site.client("station-ms") as client:
        assert client.post(f"/care/courses-approvals/{row[0]}", data={"good": "1"}).status_code == 404
    with site.client("station") as client:
        assert "急救复训" in client.get("/care/courses-approvals").text
        assert "请写明不予登记的原因" in client.post(f"/care/courses-approvals/{row[0]}", data={}).text
        assert client.post(f"/care/courses-approvals/{row[0]}", data={"good": "1"}).status_code == 303
        assert client.post(f"/care/courses-approvals/{row[0]}", data={"good": "1"}).status_code == 409
    kept = conn.execute(
        "SELECT s.code, c.kind, c.number FROM staff_certificate c JOIN staff s ON s.id = c.staff_id"
    ).fetchall()
    assert [(code, kind) for code, kind, _ in kept] == [("S1", "first_aid")]
    conn.execute("UPDATE staff SET account_id = %s WHERE code = 'S11'", (account(conn, "station").id,))
    own = acting(site, "station")
    number = attempts.begin(own, "first_aid_refresher")
    attempts.submit(own, number, right_answers(site, "station", number))
    asked = conn.execute("SELECT max(id) FROM course_approval").fetchone()
    assert asked is not None
    with site.client("station") as client:
        assert client.post(f"/care/courses-approvals/{asked[0]}", data={"good": "1"}).status_code == 403


def test_products_say_how_many_are_in_use_and_are_unknown_where_few(
    site: ConsoleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = site.conn
    conn.execute(
        "INSERT INTO device (gateway_id, name, model) SELECT id, 'pendant', 'shouwang-pendant' FROM gateway"
        " WHERE name = 'gw-1'"
    )
    month = today().replace(day=1)
    conn.execute(
        "INSERT INTO figure_model SELECT %s, id, 'shouwang-pendant', 1, 1, 31536000, 315360, 0 FROM area"
        " WHERE path = 'sz.yt'",
        (month,),
    )
    conn.execute(
        "INSERT INTO figure_count SELECT %s, id, 'model', 'shouwang-pendant', 'false', 3 FROM area"
        " WHERE path = 'sz.yt'",
        (month,),
    )
    certificate_of(site, "daughter")
    with site.client("dispatcher") as client:
        text = client.get("/care/products/shouwang-pendant").text
        assert "1 台，1 户" in text
        assert "<b>0.25</b>" in text
        assert "<b>1.0%</b>" in text
        assert "居家防跌倒" in text, "what is to be learned about it"
        for module in (products, versions):
            monkeypatch.setattr(module, "_COUNTED", Recent(0))
        site.conn.execute(
            "INSERT INTO figure_running SELECT id, 'shouwang-pendant', row.of_version, row.version, 7, 6, 2, 5,"
            " now() - interval '90 days', now() FROM area, (VALUES (false, ''), (true, '1.4.0')) AS row"
            " (of_version, version) WHERE path = 'sz.yt'"
        )
        site.conn.execute(
            "INSERT INTO figure_version SELECT %s, id, 'shouwang-pendant', '1.4.0', 7, 31536000, 315360, 0, 6, 1"
            " FROM area WHERE path = 'sz.yt'",
            (month,),
        )
        text = client.get("/care/products/shouwang-pendant").text
        assert "7 台，6 户" in text, "summed by the refresh"
        row = re.search(r"<tr>(?:(?!</tr>).)*1\.4\.0.*?</tr>", text, re.S)
        assert row is not None
        assert all(one in row[0] for one in (">0.50<", "6", "12.0", ">1.0%<")), row[0]
        site.conn.execute("UPDATE figure_running SET counted_at = now() - interval '1 hour'")
        assert "1 台，1 户" in client.get("/care/products/shouwang-pendant").text, "an old sum is not what is now"
    with site.client("station") as client:
        assert "0.25" not in client.get("/care/products/shouwang-pendant").text, "its own street has no month yet"
        assert "未知" in client.get("/care/products").text
