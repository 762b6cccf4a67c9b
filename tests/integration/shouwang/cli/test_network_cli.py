"""``shouwang network …`` on a real database, as an operator types it."""

import datetime as dt
import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from care_network.demo.district import load_demo
from care_network.medical.keyring import load_key_file
from shouwang.cli.main import app
from tests.support.network import build_city, open_alert

pytestmark = pytest.mark.integration


class Operator:
    """Types commands; wide enough a terminal that no table is cut."""

    def __init__(self, url: str, keys: Path) -> None:
        self._runner = CliRunner(
            env={"SHOUWANG_DATABASE_URL": url, "SHOUWANG_MEDICAL_KEY_FILE": str(keys), "COLUMNS": "250"}
        )

    def types(self, *words: str, status: int = 0) -> str:
        result: Result = self._runner.invoke(app, ["network", *words])
        assert result.exit_code == status, (words, result.output, result.exception)
        return result.output


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
    return Operator(database_url, tmp_path / "keys")


def test_the_past_of_records_and_tables_that_change_nothing(operator: Operator, tmp_path: Path) -> None:
    began = dt.datetime.now(dt.UTC).isoformat()
    operator.types("change", "resident", "R1", "ability_grade=重度失能", "--version", "1", "--as", "admin")
    told = operator.types("history", "resident", "R1", "--as", "carer")
    assert re.search(r"admin +│ [^│]+│ change +│ ability_grade +│[^│]*│ severe", told)
    assert "severe" in operator.types("show", "resident", "R1", "--as", "carer")
    assert "severe" not in operator.types("show", "resident", "R1", "--as-of", began, "--as", "carer")
    assert "severe" not in operator.types("list", "resident", "--as-of", began, "--as", "carer")
    early = operator.types("list", "resident", "--as-of", "2020-01-01", "--as", "carer", status=1)
    assert "变更记录自" in early
    operator.types("remove", "gateway", "gw-1", "--version", "1", "--as", "admin")
    assert "remove" in operator.types("history", "gateway", "gw-1", "--as", "carer")
    file = tmp_path / "residents.csv"
    operator.types("export", "residents", str(file), "--as", "admin")
    operator.types("export", "residents", str(file), "--as", "admin", status=1)
    assert "重度失能" in file.read_text("utf-8-sig")
    operator.types("import", "residents", str(file), "--as", "admin")
    assert re.search(r"version +│ 2 ", operator.types("show", "resident", "R1", "--as", "carer")), "it changed nothing"


def test_records_are_added_shown_changed_and_removed(operator: Operator) -> None:
    words = ("resident", "code=R9", "household=H1", "name_zh=王", "name_en=Wang", "sex=女", "birth_date=1941/5/6")
    assert "1941-05-06" in operator.types("add", *words, "--as", "admin")
    assert "已存在" in operator.types("add", *words, "--as", "admin", status=1)
    assert "无权" in operator.types("add", *words, "--as", "carer", status=1)
    assert re.search(r"version +│ 1 ", operator.types("show", "resident", "R9", "--as", "carer"))
    assert "True" in operator.types("change", "resident", "R9", "on_oxygen=是", "--version", "1", "--as", "admin")
    late = operator.types("change", "resident", "R9", "on_oxygen=否", "--version", "1", "--as", "admin", status=1)
    assert "已被他人修改" in late
    # Brackets in a name are no colours.
    named = ("household", "H1", "address_zh=[red]1号[/]", "--version", "1", "--as", "admin")
    assert "[red]1号[/]" in operator.types("change", *named)
    assert "[red]1号[/]" in operator.types("list", "household", "--as", "admin")
    assert "R9" in operator.types("list", "resident", "--as", "carer")
    assert "removed resident R9" in operator.types("remove", "resident", "R9", "--version", "2", "--as", "admin")
    assert "没有老人 R9" in operator.types("show", "resident", "R9", "--as", "carer", status=1)
    assert "no active account 'nobody'" in operator.types("list", "staff", "--as", "nobody", status=1)
    for wrong, answer in [("colour=red", "has no field 'colour'"), ("sex", "not FIELD=VALUE"), ("sex=x", "女、男")]:
        assert answer in operator.types("change", "resident", "R1", wrong, "--version", "1", "--as", "admin", status=1)
    shift = ("shift", "organisation=center-1", "code=day", "name_zh=日班", "name_en=Day", "starts=8:00", "ends=18:00")
    assert "18:00" in operator.types("add", *shift, "--as", "dispatcher")
    assert "│ gateway  │ gw-1 " in operator.types("show", "device", "gw-1/gateway", "--as", "admin")
    assert "named gateway/name" in operator.types("show", "device", "gw-1", "--as", "admin", status=1)


def test_a_table_is_tried_then_imported(operator: Operator, tmp_path: Path) -> None:
    template = tmp_path / "staff.csv"
    operator.types("template", "staff", str(template))
    good = template.read_text("utf-8-sig") + "S7,center-1,护士,赵敏,,0755-7,急救,粤语,是,\n"
    template.write_text(good, "utf-8-sig")
    assert "dry run" in operator.types("import", "staff", str(template), "--dry-run", "--as", "dispatcher")
    assert "added 1" in operator.types("import", "staff", str(template), "--as", "dispatcher")
    assert "unchanged 1" in operator.types("import", "staff", str(template), "--as", "dispatcher")
    people = operator.types("people", "--as", "dispatcher")
    assert "赵敏" in people
    template.write_text(good + "S8,center-9,护士,赵,,,,,,\nS9,center-1,医生,钱,,,,,,\n", "utf-8")
    bad = operator.types("import", "staff", str(template), "--as", "dispatcher", status=1)
    assert "第 5 行，“机构编号”列：没有机构 center-9" in bad
    assert "1 bad rows" in bad
    assert "skipped 1" in operator.types("import", "staff", str(template), "--skip-bad", "--as", "dispatcher", status=1)
    assert "没有导入类别" in operator.types("import", "robots", str(template), "--as", "admin", status=1)
    many = tmp_path / "many.csv"
    many.write_text("code,organisation,kind,name_zh\n" + "".join(f"X{n},x,护士,赵\n" for n in range(120)), "utf-8")
    assert "全部 120 条" in operator.types("import", "staff", str(many), "--as", "admin", status=1)
    assert len((tmp_path / "many.problems.txt").read_text("utf-8").splitlines()) == 120


def test_notes_and_keys(operator: Operator, database_url: str, tmp_path: Path) -> None:
    assert "key create" in operator.types("note", "set", "R1", "other=x", "--as", "carer", status=1)
    operator.types("key", "create")
    assert "exists already" in operator.types("key", "create", status=1)
    assert "version 1" in operator.types("note", "set", "R1", "allergies=青霉素", "--as", "carer")
    assert "未结束的预警" in operator.types("note", "show", "R1", "--as", "carer", status=1)
    with psycopg.connect(database_url) as conn:
        open_alert(conn, "R1", "H1")
    assert "青霉素" in operator.types("note", "show", "R1", "--as", "carer")
    before = load_key_file(tmp_path / "keys").newest
    assert "1 notes encrypted with the new key" in operator.types("key", "rotate")
    assert load_key_file(tmp_path / "keys").newest != before
    assert "青霉素" in operator.types("note", "show", "R1", "--as", "carer")
    (tmp_path / "keys").unlink()
    operator.types("key", "create")
    assert "backup" in operator.types("note", "show", "R1", "--as", "carer", status=1)


def test_the_demonstration_is_staffed_at_every_hour(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as conn:
        load_demo(conn, [])
    operator = Operator(database_url, tmp_path / "keys")
    streets = ("shatoujiao", "haishan", "yantian", "meisha")
    assert "somebody is on duty at any time" in operator.types(
        "holes", "district-center", "home-care-beds",
        *(f"{team}-{street}" for team in ("center", "beds") for street in streets),
        "--hours", "168", "--as", "dispatcher",
    )  # fmt: skip
    assert "nobody who can be reached" in operator.types(
        "holes", "--hours", "24", "--as", "dispatcher", status=1
    )  # stations close at night
    place = "shenzhen.yantian.haishan.pengwan.c04"
    night = operator.types("duty", "--at", "2026-11-04T03:00", "--place", place, "--as", "dispatcher")
    rows = [line for line in night.splitlines() if "night" in line]
    assert [row.split("│")[1].strip() for row in rows] == [
        "海山街道家庭养老床位小组", "海山街道长者服务中心", "家庭养老床位服务团队", "盐田区养老服务综合基地",
    ]  # fmt: skip
    assert "0755-0002" in night
    day = operator.types("duty", "--at", "2026-11-04T10:00", "--organisation", "district-center", "--as", "dispatcher")
    assert "周敏" in day
    assert "没有区域" in operator.types("duty", "--place", "shenzhen.atlantis", "--as", "dispatcher", status=1)
    assert "is no time" in operator.types("duty", "--at", "tonight", "--as", "dispatcher", status=1)
    tree = operator.types("tree", "--as", "dispatcher")
    assert "鹏湾雅居长者服务点" in tree
    for nowhere in ("shenzhen.atlantis", "no path"):
        assert "there is no area" in operator.types("tree", "--under", nowhere, "--as", "dispatcher", status=1)
    for kind, key in [("area", "no path"), ("roster", "S0001/district-center/early/soon")]:
        assert "in your area" in operator.types("show", kind, key, "--as", "dispatcher", status=1)
    assert "there is no area" in operator.types(
        "list", "staff", "--under", "shenzhen.yantian.no path", "--as", "dispatcher", status=1
    )
