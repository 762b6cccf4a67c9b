"""Bulk import on a real database: a whole district in seconds, every mistake in words, again without any change."""

import csv
import datetime as dt
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from openpyxl import Workbook

from care_network.duty.loading import load_roster
from care_network.duty.roster import on_duty
from care_network.errors import NotPermittedError, ProvisioningError
from care_network.importing.columns import SHEETS
from care_network.importing.importing import ImportOutcome, run_import
from care_network.importing.tables import read_table
from care_network.records.registry import load_registry
from tests.support.network import C1, C2, NOW, account, build_city

pytestmark = pytest.mark.integration

REGISTERED = 7198
"""Registered residents of 60 and more in Yantian, end of 2019."""


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


def table_of(folder: Path, rows: Sequence[Sequence[object]], ending: str = "csv") -> Path:
    file = folder / f"table-{time.monotonic_ns()}.{ending}"
    if ending == "xlsx":
        book = Workbook()
        for row in rows:
            book.active.append(list(row))  # type: ignore[union-attr]
        book.save(file)
    else:
        with file.open("w", encoding="gb18030", newline="") as stream:
            csv.writer(stream).writerows(rows)
    return file


def bring(conn: psycopg.Connection, sheet: str, file: Path, login: str = "admin", **options: bool) -> ImportOutcome:
    return run_import(conn, account(conn, login), SHEETS[sheet], read_table(file), at=NOW, origin="test", **options)  # type: ignore[arg-type]


def counted(outcome: ImportOutcome, kind: str) -> tuple[int, int, int]:
    saved = outcome.saved[kind]
    return saved.added, saved.changed, saved.unchanged


HEADINGS = ("老人编号", "姓名", "性别*", "出生日期", "户编号", "小区路径", "住址 address_zh", "phone", "家庭养老床位")


def district(count: int) -> list[tuple[object, ...]]:
    """Residents of whom every fifth shares a home with the one before."""
    rows: list[tuple[object, ...]] = [HEADINGS]
    for number in range(count):
        home = number - (number % 5 == 4)
        rows.append((
            f"Y{number:05d}", f"陈秀{number}", "女" if number % 2 else "男",
            f"{1930 + number % 35}年{1 + number % 12}月{1 + number % 28}日", f"YH{home:05d}", C1 if home % 3 else C2,
            f"海山路{home}号", f"0755-{home:08d}", "是" if number % 4 == 0 else "否",
        ))  # fmt: skip
    return rows


def test_a_whole_district_at_once_and_again_without_any_change(city: psycopg.Connection, tmp_path: Path) -> None:
    file = table_of(tmp_path, district(REGISTERED))
    steps: list[tuple[str, int, int]] = []
    dry = bring(city, "residents", file, dry_run=True)
    assert not dry.stored
    assert len(load_registry(city).residents) == 2
    first = run_import(
        city, account(city, "admin"), SHEETS["residents"], read_table(file), at=NOW,
        progress=lambda what, done, total: steps.append((what, done, total)),
    )  # fmt: skip
    homes = REGISTERED - REGISTERED // 5
    assert first.problems == ()
    assert dry.saved == first.saved
    assert (counted(first, "resident"), counted(first, "household")) == ((REGISTERED, 0, 0), (homes, 0, 0))
    for what in ("read", "check resident", "write resident"):
        mine = [done for name, done, total in steps if name == what and total >= homes]
        assert mine == sorted(mine)
        assert mine[-1] == REGISTERED
    registry = load_registry(city)
    assert len(registry.residents) == REGISTERED + 2
    again = bring(city, "residents", file)
    assert (counted(again, "resident"), counted(again, "household")) == ((0, 0, REGISTERED), (0, 0, homes))
    assert load_registry(city) == registry
    assert city.execute("SELECT max(version) FROM resident").fetchone() == (1,)
    traced = city.execute("SELECT count(DISTINCT resident_id), count(*) FROM audit WHERE action = 'add_resident'")
    assert traced.fetchone() == (REGISTERED, REGISTERED)


def test_a_second_table_changes_what_it_says_and_nothing_else(city: psycopg.Connection, tmp_path: Path) -> None:
    bring(city, "residents", table_of(tmp_path, district(10)))
    changes = [("code", "户编号", "姓名", "吸氧", "phone"), ("Y00003", "YH00003", "陈改名", "是", ""),
               ("Y00002", "YH00002", "", "", "-"), ("Y00001", "YH00001", "", "", "")]  # fmt: skip
    outcome = bring(city, "residents", table_of(tmp_path, changes))
    assert outcome.stored
    assert (counted(outcome, "resident"), counted(outcome, "household")) == ((0, 1, 2), (0, 1, 2))
    registry = load_registry(city)
    people = {resident.code: resident for resident in registry.residents.values()}
    assert (people["Y00003"].name_zh, people["Y00003"].on_oxygen, people["Y00003"].name_en) == (
        "陈改名",
        True,
        "陈改名",
    )
    assert people["Y00002"].name_zh == "陈秀2"
    homes = {home.code: home for home in registry.households.values()}
    assert (homes["YH00002"].phone, homes["YH00003"].phone) == ("", "0755-00000003")
    assert city.execute("SELECT version FROM resident WHERE code = 'Y00003'").fetchone() == (2,)


BAD = [
    (*HEADINGS, "血氧评分标准"),
    ("Y1", "陈一", "女", "1941-05-06", "YH1", C1, "一号", "", "是", "1"),
    ("Y2", "陈二", "妇", "1941-13-06", "YH2", C1, "二号", "", "也许", "1"),
    ("Y3", "陈三", "女", "1941-05-06", "YH3", "sz.yt.nowhere", "三号", "", "是", "1"),
    ("Y4", "", "女", "1941-05-06", "YH4", C1, "四号", "", "是", "1"),
    ("Y1", "陈五", "女", "1941-05-06", "YH5", C1, "五号", "", "是", "1"),
    ("Y6", "陈六", "女", "1941-05-06", "YH1", C1, "另一号", "", "是", "1"),
    ("Y7", "陈七", "女", "2041-05-06", "YH7", C1, "七号", "abc", "是", "1"),
    ("Y8", "陈八", "女", "1941-05-06", "YH8", C1, "八号", "", "是", "3"),
    ("Y9", "陈九", "女", "1941-05-06", "YH9", "", "", "", "是", "1"),
    ("Y 10", "陈十", "女", "1941-05-06", "YH10", "sz.yt.hs", "十号", "", "是", "1", "多余"),
    ("", "陈甲", "女", "1941-05-06", "YH11", C1, "甲号"),
    ("Y12", "陈乙", "男", "1941-05-06", "YH12", C1, "乙号", "", "否", ""),
]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_every_mistake_is_told_with_row_column_and_what_to_do(
    city: psycopg.Connection, tmp_path: Path, ending: str
) -> None:
    outcome = bring(city, "residents", table_of(tmp_path, BAD, ending))
    assert not outcome.stored
    assert len(load_registry(city).residents) == 2
    told = [(problem.row, problem.column, str(problem)) for problem in outcome.problems]
    for row, column, *words in [
        (3, "性别", "“妇”无法识别，填写 女、男 之一", "'妇': write one of female, male"),
        (3, "出生日期", "1941-05-06"),
        (3, "家庭养老床位", "填写 是 或 否"),
        (4, "小区路径", "没有区域 sz.yt.nowhere，请先添加", "no area 'sz.yt.nowhere'"),
        (5, "姓名", "必填", "needed"),
        (6, "老人编号", "已在第 2 行出现", "is in row 2 already"),
        (7, "住址", "与第 2 行不一致", "another address_zh in row 2"),
        (8, "住宅电话", "填写电话", "telephone"),
        (9, "血氧评分标准", "填写整数"),
        (10, "小区路径", "必填"),
        (11, None, "“多余”上方没有列标题", "stands below no heading"),
        (12, "老人编号", "必填"),
    ]:
        found = [text for r, c, text in told if (r, c) == (row, column)]
        assert found, (row, column, told)
        for word in words:
            assert word in found[0], found
    assert {row for row, _, _ in told} == {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
    skipped = bring(city, "residents", table_of(tmp_path, BAD, ending), skip_bad=True)
    assert skipped.stored
    assert [(p.row, p.zh) for p in skipped.problems] == [(p.row, p.zh) for p in outcome.problems]
    assert counted(skipped, "resident") == (2, 0, 0)
    assert {"Y1", "Y12"} <= {resident.code for resident in load_registry(city).residents.values()}


def test_headings_are_checked_first(city: psycopg.Connection, tmp_path: Path) -> None:
    for headings, words in [
        (("code", "户编号", "爱好"), "no column '爱好'"),
        (("code", "老人编号", "户编号"), "there twice"),
        (("code", "姓名"), "column 'household' is missing.*template residents"),
    ]:
        with pytest.raises(ProvisioningError, match=words):
            bring(city, "residents", table_of(tmp_path, [headings, ("R1",)]))


def test_an_import_stays_within_role_and_area(city: psycopg.Connection, tmp_path: Path) -> None:
    file = table_of(tmp_path, district(4))
    for login in ("dispatcher", "carer", "daughter"):
        with pytest.raises(NotPermittedError):
            bring(city, "residents", file, login)
    outcome = bring(city, "residents", file, "admin-hs", skip_bad=True)
    assert {problem.row for problem in outcome.problems} == {2, 5}
    assert "管辖区域" in outcome.problems[0].zh
    taking = [("code", "户编号", "小区路径"), ("R2", "H2", C1)]
    assert not bring(city, "residents", table_of(tmp_path, taking), "admin-hs").stored


def test_all_sorts_of_tables_make_a_duty_roster(city: psycopg.Connection, tmp_path: Path) -> None:
    tables: list[tuple[str, list[tuple[object, ...]], str]] = [
        ("areas", [("path", "层级", "name_zh"), ("sz.yt.hs.pw.c7", "小区", "七苑")], "csv"),
        ("organisations", [("code", "area", "kind", "name_zh"),
                           ("pt", "sz.yt.hs.pw.c7", "小区长者服务点", "点")], "csv"),
        ("staff", [("code", "organisation", "岗位", "name_zh", "电话", "技能", "语言"),
                   ("S9", "pt", "护理员", "许晴", 75500000001, "急救;搀扶与搬移", "粤语;普通话")], "xlsx"),
        ("certificates", [("staff", "证书种类", "有效期至"),
                          ("S9", "红十字救护员证", dt.datetime(2027, 1, 1))], "xlsx"),
        ("shifts", [("organisation", "code", "name_zh", "starts", "ends"),
                    ("pt", "night", "夜班", dt.time(22), dt.time(6))], "xlsx"),
        ("rosters", [("staff", "organisation", "shift", "星期", "valid_from"),
                    ("S9", "pt", "night", "一至五", "2026/11/1")], "csv"),
        ("exceptions", [("staff", "类别", "starts_at", "ends_at", "事由"),
                        ("S9", "请假", "2026-11-04 00:00", "2026-11-05 00:00", "病假")], "csv"),
        ("devices", [("网关", "户编号", "name", "model", "room", "resident"),
                     ("gw-7", "H1", "pulse", "nonin-3230", "bedroom", "R1"),
                     ("gw-7", "H1", "p2", "nonin-3230", "", "")], "csv"),
        ("homes", [("户编号", "小区路径", "住址", "楼层"), ("H77", "sz.yt.hs.pw.c7", "一楼空置", "1")], "csv"),
        ("contacts", [("resident", "phone", "name_zh", "relation_zh", "联系顺序", "老人同意时间", "持有钥匙"),
                      ("R1", "0755-1", "陈女士", "女儿", 1, "2026-11-01 10:00", "是"),
                      ("R1", "0755-2", "李阿姨", "邻居", 2, "", "")], "csv"),
    ]  # fmt: skip
    assert {name for name, _, _ in tables} | {"residents"} == set(SHEETS)
    for name, rows, ending in tables:
        file = table_of(tmp_path, rows, ending)
        outcome = bring(city, name, file)
        assert outcome.problems == (), name
        kind = SHEETS[name].kinds[-1].name
        assert counted(outcome, kind) == (len(rows) - 1, 0, 0)
        assert counted(bring(city, name, file), kind) == (0, 0, len(rows) - 1)
    registry = load_registry(city)
    assert {"gw-7/gateway", "gw-7/pulse", "gw-7/p2"} <= registry.devices.keys()
    since = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    roster = load_roster(city, since, since + dt.timedelta(days=4))
    for day, hour, there in [
        (2, 15, True),
        (2, 13, False),
        (2, 21, True),
        (3, 15, True),
        (3, 17, False),
        (4, 17, True),
    ]:
        at = dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC)
        found = on_duty(roster, at, place="sz.yt.hs.pw.c7")
        assert bool(found) == there, at
        assert not there or (found[0].skills, found[0].person.phone) == (("first_aid", "lifting"), "75500000001")


def test_contacts_change_places_in_one_table(city: psycopg.Connection, tmp_path: Path) -> None:
    heads = ("resident", "phone", "name_zh", "relation_zh", "call_order")
    first = [heads, ("R1", "0755-1", "甲", "女儿", 1), ("R1", "0755-2", "乙", "儿子", 2)]
    assert bring(city, "contacts", table_of(tmp_path, first), "carer").stored
    swapped = [heads[:2] + heads[4:], ("R1", "0755-1", 2), ("R1", "0755-2", 1)]
    assert bring(city, "contacts", table_of(tmp_path, swapped), "carer").stored
    clash = bring(city, "contacts", table_of(tmp_path, [*first[:1], ("R1", "0755-3", "丙", "邻居", 2)]), "carer")
    assert [(p.row, p.column) for p in clash.problems] == [(2, "联系顺序")]
    assert "与联系人 R1/0755-1" in clash.problems[0].zh


def test_an_import_is_one_line_of_the_audit_and_one_for_each_resident(city: psycopg.Connection, tmp_path: Path) -> None:
    file = table_of(tmp_path, district(3))
    bring(city, "residents", file, dry_run=True)
    bring(city, "residents", file)
    rows = city.execute(
        "SELECT action, r.code, detail->>'file', detail->'resident'->>'added' FROM audit"
        " LEFT JOIN resident r ON r.id = resident_id ORDER BY audit.id"
    ).fetchall()
    assert rows[-1] == ("import_residents", None, file.name, "3")
    assert sorted(row[:2] for row in rows[:-1]) == [("add_resident", f"Y0000{n}") for n in range(3)]
