"""Show the lines of the lists behind the figures: their columns, and the page that each line leads to."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from care_network.catalogues.services import SERVICES
from care_network.protection.functions import WORDS as FUNCTIONS
from dispatch.core.headline import place as place_words
from dispatch.sla.clock import WORDS
from figures.core import months
from figures.core.sections import Cell
from figures.reading import cells
from figures.reading.alarms import ENDINGS, rule_names
from figures.reading.falsehoods import model_name
from figures.reading.places import KINDS, KNOWN, WATCHED, WHERE, grade_name
from figures.reading.scope import Window
from vocabulary.labels import room_of
from vocabulary.severity import SEVERITY_WORDS
from vocabulary.times import SHANGHAI

Row = dict[str, Any]
Shown = tuple[tuple[Cell, ...], str]
Heads = tuple[tuple[str, bool], ...]


def dicts(conn: Connection[Any], query: str, values: Row) -> list[Row]:
    """The rows of a query by the names of their columns."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def key(value: Any) -> str:
    """A part of a page's key as text that SQL reads back to the same value."""
    return (
        value.isoformat() if isinstance(value, dt.datetime) else repr(value) if isinstance(value, float) else str(value)
    )


FILTERS = {
    "rule": ("种类", "kind"), "severity": ("级别", "severity"), "model": ("型号", "model"), "home": ("住户", "home"),
    "ending": ("结果", "outcome"), "milestone": ("环节", "milestone"), "verdict": ("时限", "target"),
    "grade": ("能力等级", "ability grade"), "watched": ("守护", "watched"), "bed": ("家庭养老床位", "home care bed"),
    "function": ("守护项", "function"), "staff": ("人员", "person"), "kind": ("区域", "areas"),
    "served": ("覆盖", "covered"), "what": ("小时", "hours"),
    "month": ("月份", "month"),
}  # fmt: skip
"""Filters of the lists in words."""
VERDICTS = {
    "due": ("到时限", "due"), "reached": ("已到达", "reached"), "waiting": ("未到达", "not reached"),
    "counted": ("计入分位数", "in the percentiles"), "met": ("按时", "in time"),
    "late": ("超时到达", "late"),
    "missed": ("逾期未到达", "missed"), "pending": ("时限未到", "still in time"),
}  # fmt: skip
HOURS = {
    "lost": ("失去守护", "lost"), "bare": ("从未配置", "never equipped"), "unknown": ("不明", "not known"),
}  # fmt: skip
_YES = {"1": ("是", "yes"), "0": ("否", "no")}


def filter_value(conn: Connection[Any], w: Window, name: str, value: str) -> str:
    """The value of a filter in words."""
    tables: dict[str, Mapping[str, tuple[str, str]]] = {
        "severity": dict(SEVERITY_WORDS), "ending": {**ENDINGS, "judged": ("已判定", "judged")}, "milestone": WORDS,
        "verdict": VERDICTS, "watched": {**WATCHED, "known": KNOWN}, "bed": _YES, "served": _YES, "kind": WHERE,
        "what": HOURS,
        "function": {str(n): words for n, words in enumerate(FUNCTIONS.values())},
    }  # fmt: skip
    if name in tables:
        return w.say(*tables[name].get(value, (value, value)))
    if name == "grade":
        return grade_name(w, value)
    if name == "model":
        return model_name(w, value)
    if name == "rule":
        return rule_names(conn, w).get(value, value)
    return value


def alert(w: Window, row: Row) -> Shown:
    """An alert: when, its kind, where, whom it is about, its end, its times."""
    kind = w.say(row["rule_zh"] or "预警", (row["rule_en"] or "alert").capitalize())
    who = w.say(row["name_zh"], row["name_en"]) if row["resident"] else "—"
    return (
        cells.text(clock(row["raised_at"])), cells.text(w.say(*SEVERITY_WORDS[row["severity"]]).capitalize()),
        cells.text(kind), cells.text(where(w, row)), cells.text(who), cells.text(w.say(*ENDINGS[row["ending"]])),
        *(cells.span(w.language, row[f"{name}_s"]) for name in ("acknowledged", "on_scene", "resolved")),
    ), f"/alerts/{row['alert_id']}"  # fmt: skip


def alert_heads(w: Window) -> Heads:
    """Titles of :func:`alert`, and whether they are numbers."""
    return (
        (w.say("时间", "time"), False), (w.say("级别", "severity"), False), (w.say("种类", "kind"), False),
        (w.say("地点", "place"), False), (w.say("老人", "resident"), False), (w.say("结果", "outcome"), False),
        (w.say("接警", "answered"), True), (w.say("上门", "at the door"), True), (w.say("办结", "ended"), True),
    )  # fmt: skip


def person(w: Window, row: Row) -> Shown:
    """A resident: name, place, ability grade, bed, whether watched."""
    bed = w.say("有", "yes") if row["bed"] else w.say("无", "no")
    return (
        cells.text(w.say(row["name_zh"], row["name_en"])), cells.text(where(w, row)),
        cells.text(grade_name(w, row["grade"])), cells.text(bed), cells.text(w.say(*WATCHED[row["watched"]])),
    ), f"/residents/{row['resident']}"  # fmt: skip


def person_heads(w: Window) -> Heads:
    """Titles of :func:`person`."""
    return tuple(
        (words, False)
        for words in (
            w.say("老人", "resident"), w.say("地点", "place"), w.say("能力等级", "ability grade"),
            w.say("家庭养老床位", "home care bed"), w.say("守护", "watched"),
        )
    )  # fmt: skip


def home(w: Window, row: Row) -> Shown:
    """A home: place, hours lost, never equipped, and not known."""
    each = (cells.hours(row[name]) for name in HOURS)
    return (cells.text(f"{where(w, row)} {row['home']}"), *each), _of_home(row)


def home_heads(w: Window) -> Heads:
    """Titles of :func:`home`."""
    return ((w.say("住户", "home"), False), (w.say("失去守护小时", "hours lost"), True),
            (w.say("从未配置小时", "hours never equipped"), True),
            (w.say("不明小时", "hours not known"), True))  # fmt: skip


def household(w: Window, row: Row) -> Shown:
    """A home with residents: place, how many."""
    return (cells.text(f"{where(w, row)} {row['home']}"), cells.count(row["residents"])), _of_home(row)


def household_heads(w: Window) -> Heads:
    """Titles of :func:`household`."""
    return ((w.say("住户", "home"), False), (w.say("老人", "residents"), True))


def device(w: Window, row: Row) -> Shown:
    """A device: model, room, place, hours in service, silent, not known."""
    return (
        cells.text(model_name(w, row["model"])), cells.text(w.say(*room_of(str(row["room"])))),
        cells.text(f"{where(w, row)} {row['home']}"),
        *(cells.hours(row[name]) for name in ("expected", "silent", "unknown")),
    ), _of_home(row)  # fmt: skip


def device_heads(w: Window) -> Heads:
    """Titles of :func:`device`."""
    return ((w.say("型号", "model"), False), (w.say("房间", "room"), False), (w.say("住户", "home"), False),
            *_hour_heads(w))  # fmt: skip


def device_month(w: Window, row: Row) -> Shown:
    """The devices of a month: how many, hours in service, silent, not known."""
    code = months.code(row["month"])
    only = {"model": row["model"]} if row["model"] else {}
    to = w.link("month_devices", **only, **{"from": code, "to": code, "month": code})
    return (
        cells.text(w.month_words(row["month"])), cells.count(row["devices"], to),
        *(cells.hours(row[name]) for name in ("expected", "silent", "unknown")),
    ), to and f"/decisions/list/{to}"  # fmt: skip


def device_month_heads(w: Window) -> Heads:
    """Titles of :func:`device_month`."""
    return ((w.say("月份", "month"), False), (w.say("设备", "devices"), True), *_hour_heads(w))


def _hour_heads(w: Window) -> Heads:
    return ((w.say("应在线小时", "hours in service"), True), (w.say("失联小时", "hours silent"), True),
            (w.say("不明小时", "hours not known"), True))  # fmt: skip


def _of_home(row: Row) -> str:
    return f"/residents/{row['resident']}" if row.get("resident") else ""


def worker(w: Window, row: Row) -> Shown:
    """A member of staff: name, area, orders, hours on duty, calls at night."""
    return (
        cells.text(w.say(row["name_zh"], row["name_en"])), cells.text(w.say(row["area_zh"], row["area_en"])),
        cells.count(row["orders"], w.link("orders", staff=row["staff"])), cells.hours(row["duty"], 0),
        cells.count(row["night_calls"]),
    ), ""  # fmt: skip


def worker_heads(w: Window) -> Heads:
    """Titles of :func:`worker`."""
    return ((w.say("人员", "person"), False), (w.say("区域", "area"), False), (w.say("完成工单", "orders done"), True),
            (w.say("在班小时", "hours on duty"), True), (w.say("夜间呼叫", "calls at night"), True))  # fmt: skip


def order(w: Window, row: Row) -> Shown:
    """A work order: number, when it was done, service, place, by whom."""
    service = SERVICES.get(row["service"])
    return (
        cells.text(f"#{row['number']}"), cells.text(clock(row["done_at"])),
        cells.text(w.say(service.zh, service.en) if service else row["service"]), cells.text(where(w, row)),
        cells.text(w.say(row["name_zh"], row["name_en"])),
    ), f"/orders/{row['id']}"  # fmt: skip


def order_heads(w: Window) -> Heads:
    """Titles of :func:`order`."""
    return tuple(
        (words, False)
        for words in (
            w.say("工单", "order"), w.say("完成时间", "done"), w.say("服务", "service"), w.say("地点", "place"),
            w.say("人员", "person"),
        )
    )  # fmt: skip


def place(w: Window, row: Row) -> Shown:
    """A street or community: name, whether it is served, homes."""
    words = KINDS[row["kind"]]
    served = (
        w.say(f"有{words[0]}", f"has a {words[1]}") if row["served"] else w.say(f"没有{words[0]}", f"no {words[1]}")
    )
    return (cells.text(w.say(row["area_zh"], row["area_en"])), cells.text(served), cells.count(row["homes"])), ""


def place_heads(w: Window) -> Heads:
    """Titles of :func:`place`."""
    return ((w.say("区域", "area"), False), (w.say("机构", "place"), False), (w.say("户数", "homes"), True))


def where(w: Window, row: Row) -> str:
    """A home's place, short."""
    return w.say(*place_words((row["area_zh"], row["area_en"]), (row["address_zh"], row["address_en"])))


def clock(moment: dt.datetime) -> str:
    """A moment as Shanghai's clock shows it."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
