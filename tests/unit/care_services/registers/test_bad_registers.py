"""Registers as offices send them when something is wrong: refused with line, column and what to do; nothing guessed."""

import datetime as dt
import io

import pytest
from openpyxl import Workbook

from care_network.access.accounts import Account
from care_network.errors import ProvisioningError
from care_network.identity.numbers import check_character
from care_network.importing import tables
from care_network.importing.tables import Table
from care_services.registers import collecting
from care_services.registers.catalogue import guessed
from care_services.registers.collecting import Reading
from care_services.registers.reading import Said, Unread

TODAY = dt.date(2026, 11, 30)
FIRST = "44030819400101001"
NUMBER = FIRST + check_character(FIRST)
WITH_X = next(
    one + "X" for n in range(1, 999, 2) if check_character(one := f"44030819400101{n:03}") == "X"
)  # fmt: skip
HEAD = "姓名,证件号码,联系电话\n"


def csv(text: str, encoding: str = "utf-8") -> Table:
    return collecting.headed(tables.parse("x.csv", text.encode(encoding)))


def xlsx(*rows: tuple[object, ...]) -> Table:
    book, packed = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(packed)
    return collecting.headed(tables.parse("x.xlsx", packed.getvalue()))


def lines(table: Table) -> list[Said | Unread]:
    return collecting._read(table, guessed(table.headings.cells), TODAY)


@pytest.mark.parametrize("table", [
    csv(f"\ufeff{HEAD}陈,{NUMBER},"), csv(f"{HEAD}陈,{NUMBER},", "gb18030"), csv(f"{HEAD}陈,{NUMBER},", "utf-16"),
    csv(HEAD + "陈," + "".join(chr(ord(one) + 0xFEE0) for one in NUMBER) + ","),
    csv(f"{HEAD}陈,’{NUMBER[:6]} {NUMBER[6:14]}\u200b-{NUMBER[14:]},"), xlsx(("姓名", "证件号码"), ("陈", NUMBER)),
    csv(f"2026年低保名册,,\n区民政局,,\n{HEAD}陈,{NUMBER},"),
], ids=["bom", "gb18030", "utf-16", "full_width", "marks", "xlsx", "titles_above"])  # fmt: skip
def test_a_number_is_found_however_it_is_written(table: Table) -> None:
    (found,) = lines(table)
    assert isinstance(found, Said), found
    assert found.identity is not None
    assert found.identity.number == NUMBER


def test_a_small_x_is_a_large_one() -> None:
    (found,) = lines(csv(f"{HEAD}陈,{WITH_X.lower()},"))
    assert isinstance(found, Said)
    assert found.identity is not None
    assert found.identity.number == WITH_X


@pytest.mark.parametrize(("row", "says"), [
    (f"陈,{NUMBER[:17]}{'0' if NUMBER[17] != '0' else '1'},", "B 列“证件号码”：校验码（第 18 位）应为"),
    ("陈,440308400101001,", "15 位是第一代身份证号码"), ("陈,4.40308E+17,", "末几位已丢失：请把该列设为文本格式"),
    (f"{NUMBER},陈,", "A 列“姓名”：姓名中有数字，是否与别的列对调了"),
    (f"陈,{NUMBER},0755 1234,多", "D 列有内容但没有标题"),
    ("陈,44O308194001010013,", "第 3 位是“O”"),
], ids=["check_digit", "old_15", "scientific", "swapped", "comma", "letter_o"])  # fmt: skip
def test_a_wrong_line_names_its_column_and_what_to_do(row: str, says: str) -> None:
    (found,) = lines(csv(HEAD + row))
    assert isinstance(found, Unread)
    assert says in found.zh
    assert NUMBER not in found.zh + found.en, "a reason never has the number whole"


def test_a_workbook_that_lost_digits_or_was_never_worked_out_is_told_apart() -> None:
    (lost,) = lines(xlsx(("姓名", "证件号码"), ("陈", int(NUMBER[:17] + "0"))))
    assert isinstance(lost, Unread)
    assert "末几位已丢失" in lost.zh
    with pytest.raises(ProvisioningError) as refused:
        xlsx(("姓名", "证件号码"), ("陈", '="4403"&"08"'))
    assert "B2 单元格是公式且没有计算结果" in refused.value.message_zh
    assert "粘贴为数值" in refused.value.message_zh


def test_people_who_stand_twice_in_a_file_wait_for_a_person() -> None:
    found = lines(csv(f"{HEAD}陈,{NUMBER},\n李,{NUMBER.lower()},\n王,,13800000000\n王,,13800000000\n王,,13800000001"))
    assert [type(one) for one in found] == [Said, Unread, Said, Unread, Said]
    assert [one.zh for one in found if isinstance(one, Unread)] == [
        "与第 2 行的证件号码相同：请在来源处核对，保留正确的一行",
        "与第 4 行的姓名、出生日期、电话都相同，且没有证件号码：是同一人吗？请补填证件号码",
    ]


def test_a_table_whose_columns_are_exchanged_is_not_taken_in_at_all() -> None:
    with pytest.raises(ProvisioningError) as refused:
        collecting._refuse_misread(lines(csv(HEAD + f"{NUMBER},陈,\n" * 6)))
    assert refused.value.field == "name"
    assert "未导入：6 行中有 6 行无法读取" in refused.value.message_zh
    assert "第 2 行 A 列“姓名”" in refused.value.message_zh
    collecting._refuse_misread(lines(csv(HEAD + f"{NUMBER},陈,\n" * 4)))


def test_columns_of_one_name_or_of_two_fields_are_refused() -> None:
    admin = Account(id=1, login="admin", name_zh="管", name_en="Admin", role="admin", area_path="sz.yt", language="zh")
    reading = Reading(register="population", area="sz.yt", taken_on=TODAY)
    with pytest.raises(ProvisioningError, match="columns B and C have the same heading '证件号码'"):
        collecting.checked(csv(f"姓名,证件号码,证件号码\n陈,{NUMBER},"), reading, admin, TODAY)
    both = Reading(
        register="population", area="sz.yt", taken_on=TODAY, mapping={"name": "姓名", "identity": "姓名"},
    )  # fmt: skip
    with pytest.raises(ProvisioningError, match="two fields are read from the one column"):
        collecting.checked(csv(f"{HEAD}陈,{NUMBER},"), both, admin, TODAY)
    many = Table("x.csv", "", tables.TableRow(1, ("姓名", "证件号码")), (tables.TableRow(2, ("陈", NUMBER)),) * 100_000)
    with pytest.raises(ProvisioningError, match="more than 50000 lines: divide the table"):
        collecting.checked(many, reading, admin, TODAY)
