"""Cells and tables as people type them."""

import csv
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from care_network.errors import ProvisioningError
from care_network.importing import cells
from care_network.importing.columns import SHEETS
from care_network.importing.tables import read_table, write_template
from vocabulary.times import SHANGHAI


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (cells.DATE, "1941-05-06", dt.date(1941, 5, 6)),
        (cells.DATE, "1941/5/6", dt.date(1941, 5, 6)),
        (cells.DATE, "1941年5月6日", dt.date(1941, 5, 6)),
        (cells.DATE, "19410506", dt.date(1941, 5, 6)),
        (cells.DATE, "\uff11941-\uff10\uff15-06", dt.date(1941, 5, 6)),
        (cells.TIME, "8:00", dt.time(8)),
        (cells.TIME, "23:00:00", dt.time(23)),
        (cells.TIME, "24:00", dt.time(0)),
        (cells.MOMENT, "2026-11-01 08:00", dt.datetime(2026, 11, 1, 8, tzinfo=SHANGHAI)),
        (cells.MOMENT, "2026/11/1 8:00", dt.datetime(2026, 11, 1, 8, tzinfo=SHANGHAI)),
        (cells.MOMENT, "2026-11-01T00:00Z", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
        (cells.TRUTH, "是", True),
        (cells.TRUTH, "No", False),
        (cells.MAYBE, "否", False),
        (cells.MAYBE, "不详", None),
        (cells.INTEGER, "2.0", 2),
        (cells.NUMBER, "114.5", 114.5),
        (cells.WEEKDAYS, "1-5", (1, 2, 3, 4, 5)),
        (cells.WEEKDAYS, "周一至周五", (1, 2, 3, 4, 5)),
        (cells.WEEKDAYS, "六日", (6, 7)),
        (cells.WEEKDAYS, "星期一、星期三", (1, 3)),
        (cells.WEEKDAYS, "sat-mon", (1, 6, 7)),
        (cells.WEEKDAYS, "Monday, Friday", (1, 5)),
        (cells.WEEKDAYS, "每天", (1, 2, 3, 4, 5, 6, 7)),
        (SHEETS["staff"].columns[2].reader, "护士", "nurse"),
        (SHEETS["staff"].columns[6].reader, "急救;移位转运", ("first_aid", "transfer")),
    ],
)
def test_it_is_read_as_it_is_meant(reader: cells.Reader, text: str, value: object) -> None:
    assert reader.read(text) == value


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (cells.DATE, "1941-02-30"), (cells.DATE, "6.5.41"), (cells.TIME, "25:00"), (cells.TRUTH, "maybe"),
        (cells.INTEGER, "1.5"), (cells.NUMBER, "nan"), (cells.NUMBER, "1e999"), (cells.WEEKDAYS, "8"),
        (cells.WEEKDAYS, "周"), (cells.MOMENT, "soon"), (SHEETS["staff"].columns[2].reader, "王"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused(reader: cells.Reader, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the hints of the reader
        reader.read(text)


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text: str) -> None:
    for sheet in SHEETS.values():
        for column in sheet.columns:
            try:
                column.reader.read(text)
            except ValueError:
                assert column.reader.zh
                assert column.reader.en


@given(st.sets(st.integers(1, 7), min_size=1))
def test_weekdays_by_number_are_themselves(days: set[int]) -> None:
    assert cells.WEEKDAYS.read(",".join(map(str, days))) == tuple(sorted(days))


TEXT = '编号,姓名\nR1,"陈\n秀英"\n\n# 备注,\nR2,𠮷田\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode(encoding))
    table = read_table(file)
    assert table.headings.cells == ("编号", "姓名")
    assert [(row.number, row.cells) for row in table.rows] == [(2, ("R1", "陈\n秀英")), (6, ("R2", "𠮷田"))]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(TEXT.replace(",", delimiter), "utf-8")
    assert read_table(file).rows[1].cells == ("R2", "𠮷田")


def test_a_workbook_gives_what_was_typed(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["code", "phone", "born", "at", "bed", "scale"])  # type: ignore[union-attr]
    book.active.append(  # type: ignore[union-attr]
        ["R1", 13800000000, dt.datetime(1941, 5, 6), dt.time(8, 30), True, 1.5]
    )
    book.save(tmp_path / "a.xlsx")
    (row,) = read_table(tmp_path / "a.xlsx").rows
    assert row.cells == ("R1", "13800000000", "1941-05-06", "08:30", "yes", "1.5")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xls", b"x", "neither .csv nor .xlsx"),
        ("a.xlsx", b"PK\x03\x04 not a workbook", "save it again as .xlsx"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv", b'a,b\n"x', "check the quotation marks"),
        ("a.csv", b"\xff\xff\xff\x80", "neither UTF-8 nor GB18030"),
        ("a.csv", b"a\x00b\n", "neither UTF-8 nor GB18030"),
    ],
)
def test_a_file_that_is_no_table_says_what_to_do(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ProvisioningError, match=words):
        read_table(tmp_path / name)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProvisioningError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize("sheet", SHEETS)
def test_templates_are_read_back_empty_and_their_examples_are_good(tmp_path: Path, sheet: str) -> None:
    for ending in ("csv", "xlsx"):
        file = tmp_path / f"t.{ending}"
        write_template(SHEETS[sheet], file)
        table = read_table(file)
        assert not table.rows
        assert len(table.headings.cells) == len(SHEETS[sheet].columns)
        with pytest.raises(ProvisioningError, match="exists already"):
            write_template(SHEETS[sheet], file)
    with pytest.raises(ProvisioningError, match=r"is \.csv or \.xlsx"):
        write_template(SHEETS[sheet], tmp_path / "t.ods")
    for column in SHEETS[sheet].columns:
        if column.example:
            column.reader.read(column.example)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream))
    page = load_workbook(tmp_path / "t.xlsx").worksheets[0]
    assert [[cell or "" for cell in row] for row in page.iter_rows(values_only=True)] == lines
