"""Read people's tables as text: CSV (UTF-8, UTF-16 with its mark, GB18030) and XLSX. Write templates to fill in."""

import csv
import datetime as dt
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import msgspec
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font

from care_network.errors import ProvisioningError
from care_network.importing.columns import Sheet

MOST_ROWS = 200_000
"""More than the residents of any district; a larger file is a mistake, or an attack by a compressed bomb."""
MOST_LINES = 1_048_576
"""Rows of a spreadsheet by its own limit, empty ones included."""
MOST_COLUMNS = 256
"""Cells of a row; the widest of our sheets has a tenth of them."""
MOST_BYTES, MOST_UNPACKED, MOST_TEXTS = 64 << 20, 256 << 20, 32 << 20
"""Bytes of a file, of all parts of a workbook unpacked, and of its shared texts, which are held in memory whole."""
_TEXTS = "xl/sharedstrings.xml"
LONGEST_NUMBER = 10**15
"""From here on a spreadsheet keeps the first fifteen digits of a number alone."""


class TableRow(msgspec.Struct, frozen=True):
    number: int
    """The row's number in the spreadsheet or editor, from 1."""
    cells: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """The first row as ``headings``, and the others; empty rows and those that begin with '#' are left out."""

    name: str
    digest: str
    """SHA-256 of the file, for the audit."""
    headings: TableRow
    rows: tuple[TableRow, ...]


def read_table(file: Path) -> Table:
    """Read the first sheet of a workbook (.xlsx), or a CSV file (.csv, .txt; ',', ';' or tab).

    Raises ProvisioningError, which says what to do, for any other file.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ProvisioningError(en=f"{file} cannot be read: {error.strerror}", zh=f"无法读取 {file}") from error
    return parse(str(file), data)


def parse(name: str, data: bytes) -> Table:
    """Read the bytes of such a file; its name tells the form, and is said where it cannot be read."""
    file, suffix = Path(name), Path(name).suffix.lower()
    if len(data) > MOST_BYTES:
        raise _too_large(file)
    if suffix == ".xlsx":
        rows = _workbook(file, data)
    elif suffix in (".csv", ".txt"):
        rows = _csv(file, data)
    else:
        raise ProvisioningError(
            en=f"{file} is neither .csv nor .xlsx; save it as one of them",
            zh=f"{file} 不是 .csv 或 .xlsx，请另存为其中一种",
        )
    if not rows:
        raise ProvisioningError(
            en=f"{file} is empty; the first row holds the headings", zh=f"{file} 为空，第一行应为列标题"
        )
    return Table(file.name, hashlib.sha256(data).hexdigest(), rows[0], tuple(rows[1:]))


def write_template(sheet: Sheet, file: Path) -> None:
    """Write a table with the headings, and as comments (#) a hint for each column and an example.

    Raises ProvisioningError for another ending than .csv and .xlsx, and where the file exists.
    """
    if file.exists():
        raise ProvisioningError(en=f"{file} exists already; choose another name", zh=f"{file} 已存在，请换一个名称")
    file.write_bytes(template(sheet, file.suffix.lower().removeprefix("."), str(file)))


def template(sheet: Sheet, form: str, name: str = "") -> bytes:
    """Make that table as 'csv' or 'xlsx'. Raises ProvisioningError for another form, with the file's name."""
    headings = [column.heading + ("*" if column.needed else "") for column in sheet.columns]
    hints = [f"{column.reader.zh} {column.reader.en}" for column in sheet.columns]
    examples = [column.example for column in sheet.columns]
    hints[0], examples[0] = f"# {hints[0]}", f"# {examples[0]}"
    if form == "csv":
        text = io.StringIO(newline="")
        csv.writer(text).writerows([headings, hints, examples])
        return text.getvalue().encode("utf-8-sig")  # spreadsheets recognise UTF-8 by the mark
    if form != "xlsx":
        raise ProvisioningError(
            en=f"{name or form}: a template is .csv or .xlsx", zh=f"{name or form}：模板应为 .csv 或 .xlsx"
        )
    book = Workbook()
    page: Any = book.active
    page.title = sheet.zh
    for row in (headings, hints, examples):
        page.append(row)
    for number, cell in enumerate(page[1], 1):
        cell.font = Font(bold=True)
        # Text, so that a code's leading zeros stay.
        page.column_dimensions[cell.column_letter].number_format = "@"
        page.column_dimensions[cell.column_letter].width = 4 + 2 * max(6, len(headings[number - 1]) // 2)
    page.freeze_panes = "A2"
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _workbook(file: Path, data: bytes) -> list[TableRow]:
    # openpyxl reads XML by defusedxml where that is installed, as it is here: a part with entities or external
    # references is refused, not resolved.
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sizes = [(part.filename.lower(), part.file_size) for part in parts.infolist()]
            formulas = any(_has_formulas(parts, part) for part in parts.infolist())
        texts = sum(size for name, size in sizes if name == _TEXTS)
        if sum(size for _, size in sizes) > MOST_UNPACKED or texts > MOST_TEXTS:
            raise _too_large(file)
        page: Any = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        page.reset_dimensions()  # the file's own word for them may be anything
        raw = (
            (number, [_text(value) for value in row]) for number, row in enumerate(page.iter_rows(values_only=True), 1)
        )
        rows = _without_comments(file, raw)
        if formulas:
            _refuse_uncounted(file, data)
        return rows
    except ProvisioningError:
        raise
    except Exception as error:  # of a damaged part openpyxl raises whatever comes: TypeError, AttributeError, …
        raise ProvisioningError(
            en=f"{file} is no workbook that can be read; open it in your spreadsheet and save it again as .xlsx",
            zh=f"{file} 不是可读取的工作簿，请在电子表格中打开并重新另存为 .xlsx",
        ) from error


def _has_formulas(parts: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a sheet has formulas; a bomb is refused before anything of it is read."""
    if not part.filename.lower().startswith("xl/worksheets/") or part.file_size > MOST_UNPACKED:
        return False
    with parts.open(part) as sheet:
        before = b""
        while block := sheet.read(1 << 20):
            if b"<f>" in before + block or b"<f " in before + block:
                return True
            before = block[-3:]
    return False


def _refuse_uncounted(file: Path, data: bytes) -> None:
    """Refuse a workbook with a formula whose result was never worked out: its cell would be empty for us."""
    shown: Any = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
    written: Any = load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    for results, cells in zip(shown.iter_rows(values_only=True), written.iter_rows(), strict=False):
        for result, cell in zip(results, cells, strict=False):
            if result is None and isinstance(cell.value, str) and cell.value.startswith("="):
                raise ProvisioningError(
                    en=f"{file}: {cell.coordinate} is a formula without a result; copy the column and paste it as"
                    " values, or open the file in your spreadsheet and save it",
                    zh=f"{file} 的 {cell.coordinate} 单元格是公式且没有计算结果：请把该列复制后“粘贴为数值”，"
                    "或在电子表格中打开并保存后再传",
                )


def _csv(file: Path, data: bytes) -> list[TableRow]:
    text = _decoded(file, data)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def raw() -> Any:
        begins = 1
        for row in reader:
            yield begins, row
            begins = reader.line_num + 1

    try:
        return _without_comments(file, raw())
    except csv.Error as error:
        raise ProvisioningError(
            en=f"{file}, line {reader.line_num}: {error}; check the quotation marks",
            zh=f"{file} 第 {reader.line_num} 行：引号不成对或格式错误",
        ) from error


def _decoded(file: Path, data: bytes) -> str:
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise ProvisioningError(
        en=f"{file} is neither UTF-8 nor GB18030 text; save it as 'CSV UTF-8'",
        zh=f"{file} 编码无法识别，请另存为“CSV UTF-8”",
    )


def _without_comments(file: Path, rows: Any) -> list[TableRow]:
    rows_left: list[TableRow] = []
    for number, cells in rows:
        if number > MOST_LINES or len(cells) > MOST_COLUMNS:
            raise _too_large(file)
        texts = tuple(_unquoted(cell.strip()) for cell in cells)
        if not any(texts) or texts[0].startswith("#"):
            continue
        if len(rows_left) > MOST_ROWS:
            raise ProvisioningError(
                en=f"{file} has more than {MOST_ROWS} rows; divide it", zh=f"{file} 超过 {MOST_ROWS} 行，请分批导入"
            )
        rows_left.append(TableRow(number, texts))
    return rows_left


FORMULA = "=+-@"
"""Signs with which a spreadsheet takes a cell of a CSV file for a formula; what we write puts a ' before them."""


def as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; :func:`parse` reads it as it was."""
    return f"'{cell}" if cell[:1] and cell[0] in FORMULA else cell


def _unquoted(cell: str) -> str:
    """A cell without the ' that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if len(cell) > 2 and cell[0] == "'" and cell[1] in FORMULA else cell


def _too_large(file: Path) -> ProvisioningError:
    return ProvisioningError(
        en=f"{file} is far larger than a table of people: at most {MOST_BYTES >> 20} MB ({MOST_UNPACKED >> 20} MB"
        f" unpacked), {MOST_ROWS} rows and {MOST_COLUMNS} columns; copy the rows into a new workbook, or divide it",
        zh=f"{file} 过大：文件至多 {MOST_BYTES >> 20} MB（解压后 {MOST_UNPACKED >> 20} MB）、{MOST_ROWS} 行、"
        f"{MOST_COLUMNS} 列，请将内容复制到新工作簿或分批导入",
    )


def _text(value: Any) -> str:
    """Write a workbook's cell as text, as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and abs(value) >= LONGEST_NUMBER:
        return f"{value:.14E}"  # what follows the fifteenth digit is lost: nobody may take it for a code
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ", "minutes")
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    return str(value)
