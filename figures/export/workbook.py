"""The figures as a workbook: a sheet a section, numbers as numbers, text as text and never as a formula."""

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from figures.core.sections import Cell, Section, Table
from figures.export.tables import head_lines, notes, spoken, title_of
from figures.reading.scope import Window

WIDEST = 46
FORBIDDEN = str.maketrans("[]:*?/\\'", "        ")
"""Signs that no name of a sheet may have."""


def workbook(w: Window, sections: Sequence[Section]) -> bytes:
    """The workbook as bytes."""
    packed = io.BytesIO()
    # text is written as text: neither '=…' nor 'http://…' becomes anything else
    book = xlsxwriter.Workbook(
        packed, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": w.say("守望 统计分析", "Shouwang figures"), "subject": w.name(w.area)})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "head": book.add_format({"bold": True, "bg_color": "#e6f1f2", "bottom": 1, "text_wrap": True, "valign": "top"}),
        "caption": book.add_format({"bold": True}), "dim": book.add_format({"font_color": "#526468"}),
        "count": book.add_format({"num_format": "#,##0"}), "number": book.add_format({"num_format": "#,##0.0##"}),
        "share": book.add_format({"num_format": "0.0%"}),
        "few": book.add_format({"num_format": "0.0%", "font_color": "#526468", "italic": True}),
        "bad": book.add_format({"num_format": "0.0%", "font_color": "#b3121d", "bold": True}),
    }  # fmt: skip
    for section in sections:
        _sheet(w, book.add_worksheet(section.title.translate(FORBIDDEN)[:31]), section, formats)
    book.close()
    return packed.getvalue()


def _sheet(w: Window, sheet: Any, section: Section, formats: dict[str, Any]) -> None:
    sheet.write_string(0, 0, section.title, formats["title"])
    row = 1
    for name, value in head_lines(w):
        sheet.write_string(row, 0, name, formats["dim"])
        sheet.write_string(row, 1, value)
        row += 1
    sheet.write_string(row, 0, section.sentence)
    for picture in spoken(section):
        row += 1
        sheet.write_string(row, 0, f"{picture.title}{w.say('：', ': ')}{picture.words}")
    row += 2
    frozen = row + 2 if len(section.tables) == 1 else 4  # with one table its head stays; else area and months
    sheet.freeze_panes(frozen if section.tables else 4, 1)
    widths: dict[int, int] = {}
    for table in section.tables:
        row = _table(w, sheet, row, table, formats, widths)
    sheet.write_string(row, 0, w.say("统计口径", "How it is counted"), formats["caption"])
    for line in section.how:
        row += 1
        sheet.write_string(row, 0, line, formats["dim"])
    for column, width in widths.items():
        sheet.set_column(column, column, min(WIDEST, width + 2))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _table(
    w: Window, sheet: Any, row: int, table: Table, formats: dict[str, Any], widths: dict[int, int]
) -> int:  # fmt: skip
    sheet.write_string(row, 0, table.caption, formats["caption"])
    row += 1
    for place, column in enumerate(table.columns):
        title = title_of(w, column)
        sheet.write_string(row, place, title, formats["head"])
        widths[place] = max(widths.get(place, 8), min(18, _wide(title)))
    for line in table.rows:
        row += 1
        for place, cell in enumerate(line):
            _cell(sheet, row, place, cell, formats)
            widths[place] = max(widths.get(place, 8), _wide(cell.text))
    for note in notes(w, table):
        row += 1
        sheet.write_string(row, 0, note, formats["dim"])
    return row + 2


def _cell(sheet: Any, row: int, place: int, cell: Cell, formats: dict[str, Any]) -> None:
    if cell.value is None:
        sheet.write_blank(row, place, None)
    elif isinstance(cell.value, str):
        sheet.write_string(row, place, cell.value)
    elif cell.text.endswith("%"):
        sheet.write_number(
            row, place, cell.value, formats["few" if cell.few else cell.state if cell.state == "bad" else "share"]
        )
    else:
        sheet.write_number(row, place, cell.value, formats["count" if isinstance(cell.value, int) else "number"])


def _wide(text: str) -> int:
    """The width of a text in letters; Han take two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
