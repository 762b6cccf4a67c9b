"""Registers: read, matched, and nothing overwritten before a person decided."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    KeyFileError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.identity import keys, vault
from care_network.identity.numbers import check_character, parse
from care_network.importing.tables import parse as table_of
from care_network.medical.keyring import KeyRing
from care_services.registers import collecting, deciding, leaving, store
from care_services.registers.collecting import Reading, Taken
from care_services.registers.deciding import NewHome
from shouwang.cli.main import app
from tests.support.databases import url_of
from tests.support.network import C1, NOW, account, build_city

pytestmark = pytest.mark.integration
DAY = dt.date(2026, 11, 1)


def number(born: str, sequence: int) -> str:
    first = f"440308{born}{sequence:03}"
    return first + check_character(first)


N1 = number("19400101", 1)
"""A man's, born as R1."""
NEW = number("19500630", 2)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return keys.create(tmp_path / "identity.keys")


def take(conn: psycopg.Connection, ring: KeyRing, text: str, **more: Any) -> Taken:
    reading = Reading(**{"register": "low_income", "area": "sz.yt", "taken_on": DAY, **more})
    table = table_of("低保.csv", text.encode())
    return collecting.take_in(conn, account(conn, "admin"), ring, table, reading, at=NOW, origin="test")


def lines(conn: psycopg.Connection, taken: Taken) -> dict[str, store.Line]:
    """By the name in the line, else by the verdict."""
    found = store.lines(conn, taken.id)
    return {one.said.get("name", one.verdict): one for one in found}


HEAD = "姓名,身份证号,性别,联系电话,住址,认定日期,备注\n"


def test_every_line_gets_a_verdict_and_the_same_file_comes_in_once(city: psycopg.Connection, ring: KeyRing) -> None:
    vault.put(city, ring, account(city, "admin"), "R1", parse(N1), 0, at=NOW)
    text = HEAD + (
        f"陈,{N1},男,13900000001,路1号,2025-03-01,\n"
        f"李新,{NEW},女,13900000002,路9号,2025-03-01,\n"
        f"王错,44030819500630003,女,,,,漏一位\n"
        f"赵又,{NEW},女,,,,\n"
    )
    taken = take(city, ring, text)
    assert store.one_import(city, "sz.yt", taken.id).counts == {"changed": 1, "new": 1, "unreadable": 2}  # type: ignore[union-attr]
    found = store.lines(city, taken.id)
    assert [one.verdict for one in found] == ["changed", "new", "unreadable", "unreadable"]
    assert "应为 18 位，现为 17 位" in found[2].reason_zh
    assert "与第 3 行的证件号码相同" in found[3].reason_zh
    assert deciding.opened(ring, found[2]).cells[0] == "王错", "a line that cannot be read is kept whole"
    everything = city.execute("SELECT string_agg(l::text, '') FROM register_line l").fetchone()
    assert everything is not None
    assert N1 not in everything[0]
    assert take(city, ring, text) == Taken(taken.id, again=True)
    assert not take(city, ring, text, complete=True).again, "read in another way it is another import"
    row = city.execute("SELECT name_zh FROM resident WHERE code = 'R1'").fetchone()
    assert row == ("陈",)
    assert not city.execute("SELECT FROM resident_trait").fetchall(), "nothing is written before somebody decides"


def test_conflicts_are_decided_field_by_field_and_not_asked_again(city: psycopg.Connection, ring: KeyRing) -> None:
    admin = account(city, "admin")
    vault.put(city, ring, admin, "R1", parse(N1), 0, at=NOW)
    city.execute("UPDATE household SET phone = '0755-12345678' WHERE code = 'H1'")
    text = HEAD + f"陈大,{N1},男,13900000001,路1号,2025-03-01,\n"
    line = lines(city, take(city, ring, text))["陈大"]
    told = {one.field: one for one in store.differences(city, [line.id])[line.id]}
    assert {field: (one.kind, one.ours, one.theirs) for field, one in told.items()} == {
        "name": ("conflict", "陈", "陈大"), "phone": ("conflict", "0755-12345678", "13900000001"),
        "trait": ("addition", "", "yes"),
    }  # fmt: skip
    choices = {"name": "ours", "phone": "theirs", "trait": "later"}
    with pytest.raises(ProvisioningError, match="say why"):
        deciding.decide(city, admin, line.id, line.version, choices, " ", at=NOW)
    decided = deciding.decide(city, admin, line.id, line.version, choices, "电话核实过", at=NOW)
    assert decided.settled_at is None, "one field waits"
    with pytest.raises(ChangedMeanwhileError):
        deciding.decide(city, admin, line.id, line.version, choices, "又一次", at=NOW)
    decided = deciding.decide(city, admin, line.id, decided.version, {"trait": "theirs"}, "批文已看", at=NOW)
    assert decided.settled_as == "decided"
    row = city.execute("SELECT r.name_zh, h.phone FROM resident r JOIN household h ON h.id = r.household_id"
                       " WHERE r.code = 'R1'").fetchone()  # fmt: skip
    assert row == ("陈", "13900000001")
    trait = city.execute("SELECT trait, holds, valid_from, evidence FROM resident_trait").fetchone()
    assert trait is not None
    assert trait[:3] == ("low_income", True, dt.date(2025, 3, 1))
    assert "低保与低收入名册 2026-11-01 第 2 行" in trait[3]
    kept = city.execute("SELECT choice, reason FROM register_decision ORDER BY id").fetchall()
    assert kept == [("ours", "电话核实过"), ("theirs", "电话核实过"), ("later", "电话核实过"), ("theirs", "批文已看")]
    again = lines(city, take(city, ring, text, taken_on=DAY + dt.timedelta(days=1)))["陈大"]
    assert again.verdict == "same", "what was decided and is said again is no conflict"
    text = HEAD + f"陈大,{N1},男,13911111111,路1号,2025-03-01,\n"
    (late,) = store.differences(city, [lines(city, take(city, ring, text))["陈大"].id]).values()
    assert [(one.field, one.kind) for one in late] == [("phone", "conflict")], "an older register updates nothing"
    other = lines(city, take(city, ring, text, taken_on=DAY + dt.timedelta(days=1)))["陈大"]
    (update,) = store.differences(city, [other.id])[other.id]
    assert (update.field, update.kind, update.before) == ("phone", "update", "13900000001")
    done = deciding.take_over_all(city, admin, other.import_id, "名册更新", at=NOW)
    assert (done.lines, done.failed, done.left) == (1, (), 0)


def test_without_a_number_a_person_says_who_it_is(city: psycopg.Connection, ring: KeyRing) -> None:
    admin = account(city, "admin")
    text = "姓名,出生日期,证件号码\n" + f"陈,1940/1/1,{N1}\n" + "陈,1940年1月1日,\n"
    first, second = store.lines(city, take(city, ring, text).id)
    assert [first.verdict, second.verdict] == ["candidate", "candidate"]
    assert len(first.candidates) == 2, "R1 and R2 have name and birthday in common"
    linked = deciding.link(city, admin, ring, first.id, first.version, "R1", "看过身份证", at=NOW)
    assert linked.verdict == "changed"
    assert linked.code == "R1"
    assert vault.shown(city, ring, [linked.resident_id or 0]), "the number is kept with the record"
    nobody = deciding.link(city, admin, ring, second.id, second.version, "", "不是本区老人", at=NOW)
    assert nobody.verdict == "new"
    with pytest.raises(NotFoundError):
        deciding.link(city, account(city, "admin-hs"), ring, second.id, nobody.version, "R2", "别的街道", at=NOW)
    done = deciding.set_aside(city, admin, second.id, nobody.version, "查无此人", at=NOW)
    assert (done.settled_as, done.settled_for) == ("aside", "查无此人")


def test_somebody_new_becomes_a_resident_with_home_number_and_trait(city: psycopg.Connection, ring: KeyRing) -> None:
    admin = account(city, "admin")
    line = lines(city, take(city, ring, HEAD + f"李新,{NEW},女,13900000002,路9号,2025-03-01,\n"))["李新"]
    home = NewHome(resident="R9", household="H9", area=C1)
    with pytest.raises(NotPermittedError):
        deciding.add_resident(city, account(city, "dispatcher"), ring, line.id, line.version, home, at=NOW)
    added = deciding.add_resident(city, admin, ring, line.id, line.version, home, at=NOW)
    assert (added.settled_as, added.code) == ("added", "R9")
    row = city.execute(
        "SELECT r.sex, r.birth_date, h.address_zh, h.phone, t.trait FROM resident r"
        " JOIN household h ON h.id = r.household_id JOIN resident_trait t ON t.resident_id = r.id WHERE r.code = 'R9'"
    ).fetchone()
    assert row == ("female", dt.date(1950, 6, 30), "路9号", "13900000002", "low_income")
    city.execute("DELETE FROM identity_document")
    vault.put(city, ring, admin, "R2", parse(N1), 0, at=NOW)
    with pytest.raises(ExistsError):
        vault.put(city, ring, admin, "R1", parse(N1), 0, at=NOW)


def test_who_is_missing_in_a_complete_register_and_who_died_is_asked_about(
    city: psycopg.Connection, ring: KeyRing
) -> None:
    admin = account(city, "admin")
    vault.put(city, ring, admin, "R1", parse(N1), 0, at=NOW)
    first = take(city, ring, HEAD + f"陈,{N1},男,,,,\n", complete=True)
    deciding.take_over_all(city, admin, first.id, "首次导入", at=NOW)
    later = DAY + dt.timedelta(days=1)
    second = take(city, ring, HEAD + f"李新,{NEW},女,,,,\n", complete=True, taken_on=later)
    (gone,) = store.lines(city, second.id, verdict="gone")
    assert gone.code == "R1"
    deciding.decide(city, admin, gone.id, gone.version, {"trait": "theirs"}, "已退出低保", at=NOW)
    holds = city.execute("SELECT holds, valid_from FROM resident_trait WHERE valid_until IS NULL").fetchone()
    assert holds == (False, later)
    text = "姓名,证件号码,人员状态,死亡日期\n" + f"陈,{N1},死亡,2026-10-30\n"
    dead = lines(city, take(city, ring, text, register="population"))["陈"]
    deciding.decide(city, admin, dead.id, dead.version, {"left": "theirs"}, "社区已核实", at=NOW)
    (left,) = leaving.listing(city, admin)
    assert (left.code, left.left_on, left.reason) == ("R1", dt.date(2026, 10, 30), "died")
    leaving.end(city, admin, "R1", "同名误登", at=NOW)
    assert leaving.in_force(city, [left.resident_id]) == {}


def test_lines_are_encrypted_anew_with_a_new_key(city: psycopg.Connection, ring: KeyRing, tmp_path: Path) -> None:
    taken = take(city, ring, HEAD + f"李新,{NEW},女,,,,\n")
    command = ["care", "registers", "rotate-key", "--key-file", str(tmp_path / "identity.keys")]
    done = CliRunner().invoke(app, command, env={"SHOUWANG_DATABASE_URL": url_of(city)})
    assert done.exit_code == 0, done.output
    fresh = keys.load(tmp_path / "identity.keys")
    assert fresh.newest != ring.newest
    (line,) = store.lines(city, taken.id)
    assert deciding.opened(fresh, line).identity == NEW
    with pytest.raises(KeyFileError):
        deciding.opened(ring, line)


def test_a_table_that_cannot_be_read_as_a_whole_is_refused(city: psycopg.Connection, ring: KeyRing) -> None:
    with pytest.raises(ProvisioningError, match="which column has the name"):
        take(city, ring, "号码,电话\n1,2\n")
    with pytest.raises(ProvisioningError, match="no column '名字'"):
        take(city, ring, HEAD + "陈,,,,,,\n", mapping={"name": "名字"})
    with pytest.raises(NotPermittedError):
        take(city, ring, HEAD, area="sz")
    with pytest.raises(ProvisioningError, match="lies in the future"):
        take(city, ring, HEAD, taken_on=dt.date(2027, 1, 1))
