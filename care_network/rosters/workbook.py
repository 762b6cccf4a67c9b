"""Write a week of a roster as a workbook: who works when, the holes, and how many are there by the hour."""

from typing import BinaryIO, Literal

import xlsxwriter

from care_network.duty.roster import describe
from care_network.rosters.desk import Place
from care_network.rosters.plans import WEEKDAYS
from care_network.rosters.week import Cell, Week
from vocabulary.times import SHANGHAI

Language = Literal["zh", "en"]


def write_week(file: BinaryIO, place: Place, week: Week, language: Language) -> None:
    """Write the file: texts are texts, never formulas."""
    zh = language == "zh"
    column = 0 if zh else 1
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold, bad = book.add_format({"bold": True}), book.add_format({"font_color": "#b3121d", "bold": True})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet("排班" if zh else "Roster")
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 7, 16)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, place.name_zh if zh else place.name_en, bold)
    sheet.write_string(0, 1, f"{week.days[0]} – {week.days[-1]}", bold)
    for number, day in enumerate(week.days):
        sheet.write_string(1, number + 1, f"{WEEKDAYS[number][column]} {day:%m-%d}", bold)
    for line, row in enumerate(week.rows, 2):
        sheet.write_string(line, 0, f"{row.worker.code} {row.worker.name_zh if zh else row.worker.name_en}")
        for number, cell in enumerate(row.cells):
            sheet.write_string(line, number + 1, _text(cell, zh=zh), wrap)
    line = len(week.rows) + 3
    for hole in week.holes:
        sheet.write_string(line, 0, describe(hole)[column], bad)
        line += 1
    hours = book.add_worksheet("每小时在班人数" if zh else "On duty by hour")
    for hour in range(24):
        hours.write_string(0, hour + 1, f"{hour:02d}:00", bold)
    for number, strip in enumerate(week.strips, 1):
        hours.write_string(number, 0, str(strip.day), bold)
        for hour, count in enumerate(strip.fewest):
            hours.write_number(number, hour + 1, count, bad if count == 0 else None)
    book.close()


def _text(cell: Cell, *, zh: bool) -> str:
    lines = []
    for mark in cell.marks:
        shift = mark.shift
        text = f"{shift.name_zh if zh else shift.name_en} {shift.starts:%H:%M}–{shift.ends:%H:%M}"
        if mark.away is not None:
            text += f"（{mark.away or '请假'}）" if zh else f" ({mark.away or 'away'})"
        lines.append(text)
    for extra in cell.extras:
        start, end = extra.starts_at.astimezone(SHANGHAI), extra.ends_at.astimezone(SHANGHAI)
        lines.append(f"{'加班' if zh else 'extra duty'} {start:%H:%M}–{end:%H:%M}")
    if cell.absences and not cell.marks:
        lines.append("请假" if zh else "away")
    return "\n".join(lines)
