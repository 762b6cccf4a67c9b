"""Write records as a table with the columns that an import reads: importing it again changes nothing."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from care_network.errors import NotFoundError
from care_network.importing.columns import SHEETS, Column, Sheet
from care_network.importing.tables import FORMULA
from care_network.records.kinds import Kind
from care_network.records.listing import paging
from care_network.records.listing.fields import FIELDS
from care_network.records.listing.paging import Wanted
from care_network.records.network import Network
from vocabulary.times import SHANGHAI

FORMS = ("csv", "xlsx")


def sheet_of(kind: Kind) -> Sheet:
    """The table in which records of a kind are exported and imported: that of this kind itself where there is one."""
    of = [sheet for sheet in SHEETS.values() if kind in sheet.kinds]
    return next((sheet for sheet in of if sheet.kinds[-1] is kind), of[0])


def rows(network: Network, sheet: Sheet, wanted: Wanted) -> Iterator[list[str]]:
    """Read the records of a table and write their cells; the looks are in the audit as exports."""
    main = sheet.kinds[-1]
    plain = Wanted(under=wanted.under, as_of=wanted.as_of, today=wanted.today)
    beside = {
        kind.name: {kind.key_of(fields): fields for fields in _records(network, kind, plain)}
        for kind in sheet.kinds[:-1]
    }
    for fields in _records(network, main, wanted):
        values: dict[str, dict[str, Any]] = {main.name: fields}
        for kind in sheet.kinds[:-1]:
            values[kind.name] = beside[kind.name].get((fields[kind.name],), {})
        yield [_cell(column, values) for column in sheet.columns]


def _records(network: Network, kind: Kind, wanted: Wanted) -> Iterator[dict[str, Any]]:
    after: str | None = wanted.after
    while after is not None:
        page = network.page(kind.name, msgspec.structs.replace(wanted, after=after, limit=paging.MOST), what="export")
        yield from (msgspec.structs.asdict(one.record) for one in page.rows)
        after = page.next


def _cell(column: Column, values: dict[str, dict[str, Any]]) -> str:
    """Write the cell of a column as its reader reads it; empty where nothing is known."""
    kind, field = next(((kind, field) for kind, field in column.fields if values.get(kind)), column.fields[0])
    value = values.get(kind, {}).get(field)
    words = FIELDS[kind][field]
    if words.form == "maybe":
        return {True: "是", False: "否", None: "不详"}[value]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if words.form == "weekdays":
        return "、".join(str(day) for day in value)
    if isinstance(value, tuple):
        return "；".join(words.options[str(one)][0] for one in value)
    if isinstance(value, dt.datetime):
        local = value.astimezone(SHANGHAI)
        whole = not (local.second or local.microsecond)
        return local.strftime("%Y-%m-%d %H:%M") if whole else local.isoformat(" ")
    if isinstance(value, dt.time):
        return value.isoformat("minutes" if not value.second else "seconds")
    if words.form == "choice" and field != "spo2_scale" and field != "model":
        return words.options.get(str(value), (str(value), ""))[0]
    return str(value)


def write(sheet: Sheet, cells: Iterable[list[str]], form: str) -> bytes:
    """Write a table as a file. Raises NotFoundError for another form than those of FORMS."""
    headings = [column.heading for column in sheet.columns]
    if form == "csv":
        text = io.StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow(headings)
        lines.writerows([f"'{cell}" if cell[:1] in FORMULA and cell[:1] else cell for cell in row] for row in cells)
        return text.getvalue().encode("utf-8-sig")
    if form != "xlsx":
        raise NotFoundError(en=f"there is no export as {form[:20]!r}: csv or xlsx", zh="只能导出为 csv 或 xlsx")
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet.zh)
    page.freeze_panes = "A2"
    for row in (headings, *cells):
        page.append([_text_cell(page, cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _text_cell(page: Any, text: str) -> Any:
    """A cell that is text and no formula, whatever it begins with."""
    cell = WriteOnlyCell(page, value=text)
    cell.data_type = "s"
    return cell
