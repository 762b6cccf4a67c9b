"""The monthly report as PDF, made by typst: cover, sentences, charts, tables, how it was counted, page numbers."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import typst

from figures.core.sections import Section, Table
from figures.drawing import charts
from figures.export import fonts
from figures.export.tables import notes
from figures.reading.page import stamp
from figures.reading.scope import Window

PAPER = """
.f-text{{font-size:12px;fill:#526468;font-family:"{font}"}}
.f-grid{{stroke:#e4ebec}}.f-run{{fill:#fff3e0}}
polyline,.f-main,.f-second,.f-target,.f-middle{{fill:none;stroke-width:2}}
.f-main{{stroke:#0b5c63}}.f-second{{stroke:#9a4a00;stroke-dasharray:7 4}}
.f-target{{stroke:#b3121d;stroke-dasharray:2 4}}
.f-middle{{stroke:#6b7f86;stroke-dasharray:12 4;stroke-width:1.5}}
.f-dot-main{{fill:#0b5c63}}.f-dot-second{{fill:#fff;stroke:#9a4a00;stroke-width:2}}
.f-bar,.f-part0{{fill:#0b5c63}}.f-few{{fill:#8fb9bd}}.f-whisker{{stroke:#15282b;stroke-width:1.6;fill:none}}
.f-part1{{fill:url(#f-hatch);stroke:#5b6770}}.f-part2{{fill:url(#f-dots);stroke:#b3121d}}
.f-hatch{{stroke:#5b6770;stroke-width:2}}.f-dots{{fill:#b3121d}}
"""
"""The colours of a chart on paper, by the classes of :mod:`figures.drawing.charts`."""


def report(w: Window, sections: Sequence[Section]) -> bytes:
    """The report as bytes. Raises NoChineseFontError where this machine cannot print it."""
    family = fonts.chinese()
    style = PAPER.format(font=family)
    data = {
        "title": w.say("养老守护月度报告", "Monthly report of elderly care"), "author": w.say("守望", "Shouwang"),
        "language": w.language, "region": "cn" if w.language == "zh" else "gb", "fonts": [family],
        "area": w.name(w.area), "uncounted": w.uncounted, "months": w.span_words, "summary": w.say("摘要", "In short"),
        "counted": w.say(f"统计截至 {stamp(w.refreshed_at)}", f"counted {stamp(w.refreshed_at)} (Asia/Shanghai)"),
        "privacy": w.say("报告只含汇总数字，不含任何老人的姓名、住址和健康信息。",
                         "Sums only: no name, address or health of anybody is in this report."),
        "how": w.say("统计口径", "How it is counted"),
        "sections": [_section(w, one, style) for one in sections],
    }  # fmt: skip
    made = typst.compile(
        _source(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, font_paths=fonts.searched()
    )
    assert isinstance(made, bytes)  # noqa: S101 - the form asked for is one file
    return made


@cache
def _source() -> bytes:
    return files(__package__).joinpath("report.typ").read_bytes()


def _section(w: Window, section: Section, style: str) -> dict[str, Any]:
    return {
        "title": section.title, "sentence": section.sentence, "how": list(section.how),
        "pictures": [
            {"title": one.title, "words": "" if one.words == section.sentence else one.words,
             "svg": charts.svg(one, f"{section.code}-{number}", style)}
            for number, one in enumerate(section.pictures, 1)
        ],
        "tables": [_table(w, one) for one in section.tables if not one.private],
    }  # fmt: skip


def _table(w: Window, table: Table) -> dict[str, Any]:
    lengths = [
        max(
            _room(column.title, 1.2) if " " in column.title or column.title.isascii() else _wide(column.title) / 2,
            *(_room(row[place].text, 1.1) for row in table.rows),
        )
        for place, column in enumerate(table.columns)
    ]
    return {
        "caption": table.caption, "heads": [column.title for column in table.columns],
        "numbers": [column.number for column in table.columns], "note": " ".join(notes(w, table)),
        "widths": [max(5.0, min(26.0, float(length))) for length in lengths],
        "cells": [
            {"text": cell.text, "bad": cell.state == "bad", "few": cell.few} for row in table.rows for cell in row
        ],
    }  # fmt: skip


def _room(text: str, letter: float) -> float:
    """The room for a text: its longest word on one line, and all of it on two."""
    if " " not in text:
        return letter * _wide(text)
    return max(_wide(text) / 2, *(letter * _wide(word) for word in text.split() if word.isascii()), 0.0)


def _wide(text: str) -> int:
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
