"""Workbooks and tables that somebody damaged, or made to harm: a refusal in two languages, never a traceback."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl import Workbook

from care_network.errors import ProvisioningError
from care_network.importing import tables
from care_network.importing.tables import read_table

SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
SHARED = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
HEAD = b'<?xml version="1.0"?>'
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def workbook() -> bytes:
    book = Workbook()
    assert book.active is not None
    book.active.append(["code", "name"])
    book.active.append(["R1", "陈"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    """A good workbook in which one part is another."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad:
        for part in good.namelist():
            if part == "[Content_Types].xml" and name == TEXTS:
                bad.writestr(part, good.read(part).replace(b"</Types>", SHARED + b"</Types>"))
            elif part != name:
                bad.writestr(part, good.read(part))
        bad.writestr(name, content)
    return out.getvalue()


def sheet(rows: bytes, before: bytes = b"") -> bytes:
    return with_part(
        SHEET, HEAD + before + b"<worksheet " + MAIN + b"><sheetData>" + rows + b"</sheetData></worksheet>"
    )


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
ENTITY = b'<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row>'
STRINGS = b"<sst " + MAIN + b"><si><t>&a;</t></si></sst>"
REFUSED = {
    "nothing": b"",
    "no archive": b"PK\x03\x04" + bytes(200),
    "an archive of nothing": with_part("x", b"")[:60],
    "entities that grow": sheet(ENTITY, LAUGHS),
    "an entity that reads a file": sheet(ENTITY, FILE),
    "entities among the texts": with_part(TEXTS, HEAD + LAUGHS + STRINGS),
    "a file among the texts": with_part(TEXTS, HEAD + FILE + STRINGS),
    "entities in the list of sheets": with_part("xl/workbook.xml", HEAD + LAUGHS + b"<workbook/>"),
    "a sheet that ends amid a tag": with_part(SHEET, b"<worksheet><sheetDa"),
    "a cell of no number": sheet(b'<row r="1"><c r="A1"><v>x</v></c></row>'),
    "a row of no number": sheet(b'<row r="x"><c r="A1"><v>1</v></c></row>'),
    "a cell in no column": sheet(b'<row r="1"><c r="1"><v>1</v></c></row>'),
    "a text that is not there": sheet(b'<row r="1"><c r="A1" t="s"><v>99</v></c></row>'),
    "a row far away": sheet(b'<row r="1"><c r="A1"><v>1</v></c></row><row r="999999999"><c r="A1"><v>1</v></c></row>'),
    "a cell far away": sheet(b'<row r="1"><c r="XFD1"><v>1</v></c></row>'),
    "styles that are none": with_part("xl/styles.xml", b"<styleSheet><fonts count='x'>"),
    "no content types": with_part("[Content_Types].xml", b""),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_a_bad_workbook_is_refused_in_two_languages(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(data)
    with pytest.raises(ProvisioningError) as refused:
        read_table(file)
    assert "people.xlsx" in refused.value.message_zh
    assert "请" in refused.value.message_zh
    assert "people.xlsx" in refused.value.message_en


def test_xml_is_read_by_the_library_that_refuses_entities() -> None:
    assert openpyxl.DEFUSEDXML is True


def test_a_workbook_that_claims_to_be_huge_is_read_by_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(
        with_part(
            SHEET,
            HEAD + b"<worksheet " + MAIN + b'><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"'
            b' t="inlineStr"><is><t>code</t></is></c></row></sheetData></worksheet>',
        )
    )
    assert read_table(file).headings.cells == ("code",)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds themselves are for machines of 2 GB; small ones show that they are kept."""
    file = tmp_path / "people.xlsx"
    rows = sheet(b'<row><c t="n"><v>1</v></c></row>' * 20_000)
    texts = with_part(TEXTS, HEAD + b"<sst " + MAIN + b">" + b"<si><t>a</t></si>" * 10_000 + b"</sst>")
    for bound, data, value in (
        ("MOST_UNPACKED", rows, 500_000),
        ("MOST_TEXTS", texts, 100_000),
        ("MOST_BYTES", rows, 99),
    ):
        file.write_bytes(data)
        assert len(data) < 20_000
        with monkeypatch.context() as small:
            small.setattr(tables, bound, value)
            small.setattr(tables, "load_workbook", None)  # a look into it would be another refusal
            with pytest.raises(ProvisioningError, match="far larger") as refused:
                read_table(file)
        assert "过大" in refused.value.message_zh


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    data = bytearray(sheet(b"<row><c><v>1</v></c></row>" * 1000))
    told = len(HEAD) + len(b"<worksheet " + MAIN + b"><sheetData></sheetData></worksheet>") + 26 * 1000
    assert data.count(told.to_bytes(4, "little")) == 2, "in the part's own head, and in the list"
    file = tmp_path / "people.xlsx"
    file.write_bytes(bytes(data).replace(told.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(ProvisioningError, match="no workbook"):
        read_table(file)
