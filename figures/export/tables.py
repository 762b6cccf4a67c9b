"""The figures as CSV, a file a section in one archive; nothing in them is taken for a formula."""

import csv
import io
import zipfile
from collections.abc import Sequence

from figures.core.sections import Column, Picture, Section, Table
from figures.core.shares import FEW
from figures.reading.page import stamp
from figures.reading.scope import Window

RISKY = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings by which a spreadsheet takes a text for a formula (OWASP, CSV injection)."""


def head_lines(w: Window) -> list[tuple[str, str]]:
    """The lines at the top of every file: area, months, when it was counted."""
    return [
        (w.say("区域", "area"), w.name(w.area)),
        (w.say("月份", "months"), w.span_words + (f" · {w.uncounted}" if w.uncounted else "")),
        (w.say("统计截至", "counted"), f"{stamp(w.refreshed_at)} (Asia/Shanghai)"),
    ]  # fmt: skip


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


def title_of(w: Window, column: Column) -> str:
    """A column's title in a file, with the unit of its values."""
    if column.unit != "s":
        return column.title
    return w.say(f"{column.title}（秒）", f"{column.title} (s)")


def spoken(section: Section) -> list[Picture]:
    """The pictures that say something beside the section's sentence: what their runs show."""
    return [picture for picture in section.pictures if picture.words != section.sentence]


def notes(w: Window, table: Table) -> list[str]:
    """The lines below a table: its note, and what its marks mean."""
    found = [cell for row in table.rows for cell in row]
    said = [table.note] if table.note else []
    if any(cell.few for cell in found):
        said.append(w.say(f"灰色：不足 {FEW} 例，不宜比较。", f"Grey: fewer than {FEW} cases, too few to compare."))
    if any(cell.state == "bad" for cell in found):
        said.append(w.say("▼：整个区间都低于目标。", "▼ the whole interval lies below the target."))
    return said


def archive(w: Window, sections: Sequence[Section]) -> bytes:
    """A ZIP of CSV files in UTF-8 with a mark, by which spreadsheets know it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        for number, section in enumerate(sections, 1):
            files.writestr(f"{number:02d}-{section.code}.csv", "\ufeff" + one(w, section))
    return packed.getvalue()


def one(w: Window, section: Section) -> str:
    """A section's tables below each other, with its sentence before and how it is counted behind."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([safe(section.title)])
    writer.writerows([safe(name), safe(value)] for name, value in head_lines(w))
    writer.writerow([safe(section.sentence)])
    writer.writerows([safe(picture.title), safe(picture.words)] for picture in spoken(section))
    for table in section.tables:
        writer.writerow([])
        writer.writerow([safe(table.caption)])
        writer.writerow([safe(title_of(w, column)) for column in table.columns])
        for row in table.rows:
            writer.writerow(
                ["" if c.value is None else safe(c.value) if isinstance(c.value, str) else c.value for c in row]
            )
        writer.writerows([safe(line)] for line in notes(w, table))
    writer.writerow([])
    writer.writerows([safe(line)] for line in section.how)
    return text.getvalue()
