"""Parameters, their history and pauses as tables."""

import datetime as dt
import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from alerting.tuning.catalogue import SCOPES
from alerting.tuning.pauses import WORDS, Entry, covering
from alerting.tuning.sheet import Sheet
from vocabulary.times import local


def print_sheet(sheet: Sheet, only_set: bool) -> None:
    table = Table("参数 parameter", "值 value", "来自 from", "默认 default", "范围 limits", "含义 meaning")
    table.title = f"{sheet.target.label_zh} {sheet.target.label_en}".strip()
    for line in sheet.lines:
        if only_set and line.comes_from == "default":
            continue
        p = line.parameter
        style = "bold" if line.here is not None else "" if line.comes_from != "default" else "dim"
        table.add_row(
            line.name,
            number(line.value),
            " ".join(SCOPES[line.comes_from]),
            number(p.default),
            f"{p.low:g}–{p.high:g} {p.unit}".strip(),
            f"{p.zh} {p.en}",
            style=style,
        )
    Console().print(table)


def print_presets(sheet: Sheet) -> None:
    table = Table("预设 preset", "生效 in force", "改变 changes", "说明 note", "来源 source")
    table.title = f"{sheet.target.label_zh} {sheet.target.label_en}".strip()
    for preset in sheet.presets:
        one = preset.condition
        scale = [f"NEWS2 SpO2: {one.spo2_scale}"] if one.spo2_scale else []
        table.add_row(
            preset.name,
            "是 yes" if preset.on else "",
            "\n".join([*scale, *(f"{name} = {number(value)}" for name, _, value in preset.values)]),
            f"{one.zh} {one.en}\n{one.note_zh} {one.note_en}",
            f"{one.source_zh}\n{one.source_en}"
            + (f"\n由医生设定 to be set by the physician: {', '.join(one.open)}" if one.open else ""),
        )
    Console().print(table)


def print_history(sheet: Sheet) -> None:
    table = Table("时间 when", "参数 parameter", "原值 old", "新值 new", "操作人 who", "来源 from", "原因 why")
    for change in sheet.history:
        table.add_row(
            local(change.at),
            change.name,
            number(change.old_value),
            number(change.new_value),
            change.actor,
            change.origin,
            change.reason,
        )
    Console().print(table if sheet.history else "没有修改记录 nothing was changed here")


def print_pauses(entries: Sequence[Entry], now: dt.datetime) -> None:
    running = covering(entries, now)
    table = Table("编号", "类别 kind", "住户 home", "设备 device", "至 until", "操作人 who", "原因 why")
    for entry in entries:
        over = "" if entry in running else f"（{entry.ended_by or '已到期 over'}）"
        until = local(entry.ended_at or entry.until) + over
        words = " ".join(WORDS[entry.kind])
        table.add_row(str(entry.id), words, entry.household, entry.device, until, entry.actor, entry.reason)
    Console().print(table if entries else "没有暂停 no pause is running")


def number(value: float | None) -> str:
    if value is None:
        return "—"
    return "无 none" if math.isinf(value) else f"{value:g}"
