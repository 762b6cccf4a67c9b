"""Lines of the audit as files: CSV and XLSX."""

import csv
import io

import xlsxwriter

from console.pages.audit.words import Said
from console.shell.i18n import Language, pick
from vocabulary.times import SHANGHAI

HEADS = (
    ("时间", "Time"), ("账号", "Account"), ("姓名", "Name"), ("操作", "What"), ("老人", "Resident"), ("编号", "Code"),
    ("预警", "Alert"), ("来源", "From"), ("详情", "Detail"),
)  # fmt: skip
_WIDTHS = (20, 14, 14, 28, 16, 12, 36, 18, 60)


def _row(line: Said, language: Language) -> list[str]:
    colon = pick(language, "：", ": ")
    detail = pick(language, "；", "; ").join(f"{name}{colon}{value}" for name, value in line.details)
    at = line.at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    alert = f"{line.about} {line.alert}".strip()
    return [at, line.login, line.who, line.what, line.resident, line.code, alert, line.origin, detail]


def as_csv(lines: list[Said], language: Language) -> bytes:
    """The lines as CSV that a spreadsheet opens."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([pick(language, *head) for head in HEADS])
    for line in lines:
        # a spreadsheet takes a cell that begins so for a formula
        writer.writerow([f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell for cell in _row(line, language)])
    return ("\ufeff" + file.getvalue()).encode()  # spreadsheets know UTF-8 by the mark


def as_xlsx(lines: list[Said], language: Language) -> bytes:
    """The lines as a workbook; no cell is a formula or a link."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(pick(language, "审计记录", "Audit"))
    bold = book.add_format({"bold": True})
    for column, (head, width) in enumerate(zip(HEADS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, pick(language, *head), bold)
    for number, line in enumerate(lines, 1):
        for column, cell in enumerate(_row(line, language)):
            sheet.write_string(number, column, cell[:32_000])
    sheet.freeze_panes(1, 0)
    book.close()
    return file.getvalue()
