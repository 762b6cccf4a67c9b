"""Pages of records over HTTP: lists, the tree, forms, consent, removal, undo, import and export."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openpyxl
import pytest

from care_network.records.contacts import family_of
from care_network.records.history import changes
from care_network.records.kinds import KINDS
from care_network.records.listing.paging import Wanted
from dispatch.alerts.platform import platform_household
from tests.integration.care_network.records.test_network_service import NEW
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import network

pytestmark = pytest.mark.integration

EDIT = "/records/resident/at/R1/edit"
PERSON = {
    "household": "H1", "name_zh": "陈", "name_en": "Chen", "sex": "male", "birth_date": "1940-01-01", "spo2_scale": "1",
    "languages": ["cmn"], "ability_grade": "", "lives_alone": "", "preferred_language": "",
}  # fmt: skip


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        for kind in ("contact", "certificate", "device", "roster", "exception"):
            network(found.conn, "admin").add(kind, NEW[kind])
        yield found


@pytest.fixture
def admin(site: ConsoleSite) -> Iterator[httpx2.Client]:
    with site.client("admin") as client:
        yield client


def text_of(answer: httpx2.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def version(site: ConsoleSite, kind: str = "resident", *key: str) -> int:
    return network(site.conn, "admin").get(kind, key or ("R1",)).version


def test_every_list_and_record_opens_in_both_languages(admin: httpx2.Client) -> None:
    for language in ("zh", "en"):
        admin.cookies.set("shouwang_language", language)
        for kind in KINDS:
            answer = admin.get(f"/records/{kind}?q=")
            assert answer.status_code == 200, kind
            found = re.findall(rf'href="(/records/{kind}/at/[^"?]+)"', answer.text)
            assert found, kind
            for step in ("", "/edit", "/remove"):
                assert admin.get(found[0] + step).status_code == 200, found[0] + step
            assert admin.get(f"/records/{kind}/new").status_code == 200
            assert admin.get(f"/records/{kind}/suggest?q=1").status_code == 200
    assert admin.get("/records/nothing").status_code == 404
    assert admin.get("/records/resident/at/R1~2").status_code == 404
    assert admin.get("/records/resident?as_of=yesterday").status_code == 422
    assert "the history begins at" in admin.get("/records/resident?as_of=2020-01-01").text


def test_a_wrong_field_has_its_words_and_nothing_is_lost(site: ConsoleSite, admin: httpx2.Client) -> None:
    wrong = PERSON | {"name_zh": "", "birth_date": "1700-01-01", "household": "H1", "version": version(site)}
    answer = admin.post(EDIT, data=wrong)
    assert answer.status_code == 422
    assert 'id="f-name_zh-error">必填' in answer.text
    answer = admin.post(EDIT, data=wrong | {"name_zh": "陈大"})
    assert answer.status_code == 422
    assert "不可能" in re.search(r'id="f-birth_date-error">([^<]+)', answer.text)[1]  # type: ignore[index]
    assert 'value="陈大"' in answer.text
    answer = admin.post("/records/contact/new", data={"resident": "R1", "phone": "x", "call_order": "first"})
    assert set(re.findall(r'id="f-(\w+)-error"', answer.text)) == {"call_order"}
    assert 'id="f-call_order-error">“first”无法识别' in answer.text, "no code of a field"
    form = admin.get("/records/contact/new?resident=R1").text
    assert form.count('value="R1"') == 1
    assert "陈 R1" in form, "the name beside the code"
    assert 'data-suggest="/records/resident/suggest"' in form
    for typed in ("chen", "c", "陈"):  # a home by the sound of who lives there
        assert 'data-value="H1"' in admin.get("/records/household/suggest", params={"q": typed}).text, typed
        assert "/records/household/at/H1" in admin.get("/records/household", params={"q": typed}).text, typed


def test_a_change_is_shown_undone_and_kept_in_the_history(site: ConsoleSite, admin: httpx2.Client) -> None:
    grade = PERSON | {"ability_grade": "severe", "version": version(site)}
    answer = admin.post(EDIT, data=grade)
    assert answer.status_code == 303
    page = admin.get("/records/resident/at/R1")
    assert "能力等级： 未知 → 重度失能" in text_of(page)
    number = re.search(r'name="change" value="(\d+)"', page.text)
    assert number
    with site.client("admin-hs") as other:
        assert 'class="undo-bar"' not in other.get("/records/resident/at/R1").text
        assert other.post("/records/resident/at/R1/undo", data={"change": number[1]}).status_code == 404
    assert admin.post("/records/resident/at/R1/undo", data={"change": number[1]}).status_code == 303
    assert network(site.conn, "admin").get("resident", ("R1",)).record.ability_grade is None  # type: ignore[attr-defined]
    row = site.conn.execute("SELECT detail FROM audit WHERE action = 'change_resident' ORDER BY id LIMIT 1").fetchone()
    assert row is not None
    assert row[0]["fields"] == ["ability_grade"], "names of fields, no values"


def test_of_two_changes_both_are_shown(site: ConsoleSite, admin: httpx2.Client) -> None:
    before = version(site)
    network(site.conn, "admin-hs").change("resident", ("R1",), before, {"lives_alone": True})
    answer = admin.post(EDIT, data=PERSON | {"name_en": "Chen Da", "version": before})
    assert answer.status_code == 409
    assert "现在的内容是" in answer.text
    assert "独居：<b>是</b>" in answer.text
    assert "<b>R1</b>" in answer.text, "whose record it is"
    assert 'value="Chen Da"' in answer.text
    again = re.search(r'name="version" value="(\d+)"', answer.text)
    assert again
    assert admin.post(EDIT, data=PERSON | {"name_en": "Chen", "version": again[1]}).status_code == 303


def test_boxes_leave_the_order_of_languages_alone(site: ConsoleSite, admin: httpx2.Client) -> None:
    stored = network(site.conn, "admin").change("resident", ("R1",), version(site), {"languages": ["yue", "cmn"]})
    admin.post(EDIT, data=PERSON | {"languages": ["cmn", "yue"], "version": stored.version})
    assert network(site.conn, "admin").get("resident", ("R1",)).record.languages == ("yue", "cmn")  # type: ignore[attr-defined]


def test_a_removal_names_what_follows_and_comes_back(site: ConsoleSite, admin: httpx2.Client) -> None:
    assert "1 位老人住在这里，须先迁走" in admin.get("/records/household/at/H1/remove").text
    added = network(site.conn, "admin").add("resident", NEW["resident"])
    site.conn.execute(
        "INSERT INTO medical_note (resident_id, key_id, nonce, ciphertext, updated_at)"
        " SELECT id, 'k', decode(repeat('00', 12), 'hex'), '', now() FROM resident WHERE code = 'R9'"
    )
    page = admin.get("/records/resident/at/R9/remove").text
    assert "不再受到守护" in page
    assert "医疗信息一并销毁" in page, "which an administrator may not read"
    gone = admin.post("/records/resident/at/R9/remove", data={"version": added.version})
    assert gone.status_code == 303
    listed = admin.get(gone.headers["location"])
    number = re.search(r'name="change" value="(\d+)"', listed.text)
    assert number
    assert admin.get("/records/resident/at/R9").status_code == 404
    assert admin.post("/records/resident/at/R9/undo", data={"change": number[1]}).status_code == 303
    assert network(site.conn, "admin").get("resident", ("R9",)).record == added.record
    refused = admin.post("/records/household/at/H1/remove", data={"version": version(site, "household", "H1")})
    assert refused.status_code == 422
    assert "须先迁走" in refused.text


def test_consent_is_written_down_and_withdrawn_at_once(site: ConsoleSite, admin: httpx2.Client) -> None:
    page, key = "/records/contact/at/R1~0755-1/consent", ("R1", "0755-1")
    home = site.conn.execute("SELECT household_id, id FROM resident WHERE code = 'R1'").fetchone()
    assert home is not None
    assert "会就这位老人的预警联系并告知此人" in admin.get(page).text
    admin.post(page, data={"version": version(site, "contact", *key), "given": "true"})
    assert [one.phone for one in family_of(site.conn, *home, now())] == ["0755-1"]
    asked = admin.get(page).text
    assert "不再就这位老人的情况联系或告知此人" in asked
    assert "没有可以联系的家属" in asked
    admin.post(page, data={"version": version(site, "contact", *key)})
    assert family_of(site.conn, *home, now()) == ()
    who = changes.of_record(site.conn, KINDS["contact"], key)
    assert [one.login for one in who[:2]] == ["admin", "admin"]


def test_a_street_sees_and_changes_its_own_alone(site: ConsoleSite) -> None:
    with site.client("admin-hs") as street:
        assert "/records/resident/at/R2" not in street.get("/records/resident").text
        assert street.get("/records/resident/at/R2").status_code == 404
        assert street.post("/records/resident/at/R2/edit", data=PERSON | {"version": 1}).status_code == 404
        assert street.get("/records/household?area=sz.yt.ms").status_code == 403
        assert street.get("/records/area/below/sz.yt.ms").status_code == 404
        assert "sz.yt.ms" not in street.get("/records/area").text
        assert "R2" not in street.get("/records/resident/export").text
        other = PERSON | {"code": "R7", "household": "H2"}
        assert street.post("/records/resident/new", data=other).status_code == 404
    with site.client("dispatcher") as desk:
        assert desk.get(EDIT).status_code == 200, "shown to whoever may change records of some kind"
        assert desk.post(EDIT, data=PERSON | {"version": version(site)}).status_code == 403
        assert "/records/resident/new" not in desk.get("/records/resident").text


def test_the_tree_counts_and_opens_by_need(site: ConsoleSite, admin: httpx2.Client) -> None:
    assert platform_household(site.conn) is not None
    assert "/at/PLATFORM" not in admin.get("/records/household").text, "nobody lives there"
    page = admin.get("/records/organisation").text
    assert "2 户，2 位老人" in page
    assert "/records/organisation/below/sz.yt.hs" in page
    assert "center-1" in page
    part = admin.get("/records/organisation/below/sz.yt.hs", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "sz.yt.hs.pw" in part
    assert "<html" in admin.get("/records/organisation/below/sz.yt.hs").text


def test_an_export_is_an_import_that_changes_nothing(site: ConsoleSite, admin: httpx2.Client) -> None:
    network(site.conn, "admin").change("household", ("H2",), 1, {"way_in": "=1+1", "phone": "+86 755"})
    for kind in KINDS:
        if kind in ("household", "gateway"):
            continue  # rows of the residents' and of the devices' table
        here = network(site.conn, "admin").page(kind, Wanted(under="", limit=1000, today=now().date()))
        for form in ("csv", "xlsx"):
            data = admin.get(f"/records/{kind}/export?form={form}").content
            if form == "csv":
                rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
                assert not [cell for row in rows for cell in row if cell[:1] in "=+@" and cell], "a formula"
            else:
                page: Any = openpyxl.load_workbook(io.BytesIO(data)).active
                assert {cell.data_type for row in page.iter_rows() for cell in row if cell.value is not None} == {"s"}
                rows = [list(row) for row in page.iter_rows(values_only=True)]
            assert len(rows) == len(here.rows) + 1
            sheet = "staff" if kind == "staff" else f"{kind}s"
            answer = admin.post(f"/imports/{sheet}", files={"file": (f"x.{form}", data)})
            assert answer.status_code == 200, (kind, form)
            assert f"新增 0，已修改 0，不变 {len(here.rows)}，拒绝 0" in text_of(answer), (kind, form)
            assert 'name="checked"' not in answer.text, "there is nothing to store"


def test_a_table_is_checked_line_by_line_and_then_stored(site: ConsoleSite, admin: httpx2.Client) -> None:
    head = "老人编号,姓名,性别,出生日期,户编号,小区路径,住址\n"
    good = "R21,王一,女,1941-05-06,H21,sz.yt.hs.pw.c1,路21号\n"
    good += "R23,王三,男,1940-05-06,H23,sz.yt.hs.pw.c1,路23号\n"
    file = (head + good + "R22,王二,女,昨天,H22,sz.yt.hs.pw.c1,路22号\n").encode()
    answer = admin.post("/imports/residents", files={"file": ("a.csv", file)})
    assert "新增 2，已修改 0，不变 0，拒绝 1" in text_of(answer)
    assert re.search(r'id="line-4".*出生日期</b>：“昨天”无法识别', answer.text)
    assert site.conn.execute("SELECT count(*) FROM resident WHERE code = 'R21'").fetchone() == (0,)
    checked = re.search(r'name="checked" value="([^"]+)"', answer.text)
    assert checked
    fields = {"checked": checked[1], "skip_bad": "1"}
    with site.client("admin-hs") as other:
        assert other.post("/imports/residents", data=fields).status_code == 422, "another's file"
    stored = admin.post("/imports/residents", data=fields)
    assert "已导入。" in stored.text
    change = changes.of_record(site.conn, KINDS["resident"], ("R21",))[0]
    assert (change.operation, change.login) == ("add", "admin")
    assert admin.post("/imports/residents", data=fields).status_code == 422, "it was stored"
    undo = re.search(r'action="/imports/residents/undo".*?name="change" value="([0-9]+)"', stored.text)
    assert undo
    with site.client("admin-hs") as other:
        assert other.post("/imports/residents/undo", data={"change": undo[1]}).status_code == 404, "another's import"
    stand = network(site.conn, "admin-hs").get("resident", ("R21",))
    network(site.conn, "admin-hs").change("resident", ("R21",), stand.version, {"name_zh": "王一一"})
    back = text_of(admin.post("/imports/residents/undo", data={"change": undo[1]}))
    assert "已撤销本次导入的 2 条记录" in back
    assert "老人 R21：此后又有修改" in back
    assert "住户 H21" in back
    left = site.conn.execute("SELECT array_agg(code ORDER BY code) FROM resident WHERE code LIKE 'R2_'").fetchone()
    assert left == (["R21"],)


def test_files_that_are_no_table_are_refused_in_words(site: ConsoleSite, admin: httpx2.Client) -> None:
    for name, data, words in (
        ("a.pdf", b"%PDF", "不是 .csv 或 .xlsx"), ("a.csv", b"", "请选择文件"), ("a.xlsx", b"PK", "不是可读取的工作簿"),
        ("a.csv", "没有这列\n1".encode(), "没有“没有这列”列"),
    ):  # fmt: skip
        answer = admin.post("/imports/staff", files={"file": (name, data)})
        assert answer.status_code == 422
        assert words in answer.text
    assert admin.post("/imports/staff", files={"file": ("a.csv", b"x" * (5 << 20))}).status_code == 413
    template = admin.get("/imports/staff/template?form=csv")
    assert "人员编号 code*" in template.text
    assert admin.get("/imports/nothing").status_code == 404
    with site.client("carer") as carer:
        assert carer.post("/imports/staff", files={"file": ("a.csv", b"code\nS9")}).status_code == 403
        assert "/imports/contacts" in carer.get("/imports").text


def test_certificates_are_marked_by_their_end(site: ConsoleSite, admin: httpx2.Client) -> None:
    today = now().date()
    for kind, days in (("health", 30), ("driving_licence", -2)):
        fields = {"staff": "S2", "kind": kind, "expires_on": str(today.fromordinal(today.toordinal() + days))}
        network(site.conn, "admin").add("certificate", fields)
    page = admin.get("/records/certificate").text
    for mark in ("good", "late", "bad"):
        assert f'known-mark {mark}"' in page
    soon = admin.get("/records/certificate?ends=soon").text
    assert "health" in soon
    assert "driving_licence" not in re.sub(r"<select.*?</select>", "", soon, flags=re.DOTALL)
    assert 'known-mark bad"' in admin.get("/records/staff/at/S2").text
    assert 'known-mark bad"' in admin.get("/records/staff").text


def test_looks_and_exports_are_in_the_audit(site: ConsoleSite, admin: httpx2.Client) -> None:
    admin.get("/records/resident?q=R1&lives_alone=true")
    admin.get("/records/resident/export?q=R1")
    rows = site.conn.execute(
        "SELECT action, detail FROM audit WHERE action IN ('list_resident', 'export_resident') ORDER BY id DESC LIMIT 2"
    ).fetchall()
    assert [row[0] for row in rows] == ["export_resident", "list_resident"]
    assert rows[1][1]["words"] == "R1"
    assert rows[1][1]["lives_alone"] == "true"


def test_a_list_goes_on_by_key_and_keeps_the_search(site: ConsoleSite, admin: httpx2.Client) -> None:
    for number in range(60):
        fields = NEW["household"] | {"code": f"P{number:03}", "address_zh": "翻页路"}
        network(site.conn, "admin").add("household", fields)
    first = admin.get("/records/household?q=翻页路").text
    onward = re.search(r'rel="next" href="([^"]+)"', first)
    assert onward
    assert "after=P049" in onward[1]
    second = admin.get(onward[1].replace("&amp;", "&")).text
    assert "/records/household/at/P059" in second
    assert '/records/household/at/P049"' not in second
    assert "从头显示" in second
    stored = network(site.conn, "admin").get("household", ("P000",))
    assert msgspec.structs.asdict(stored.record)["address_zh"] == "翻页路"
