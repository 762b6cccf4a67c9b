"""Alerts by kind and outcome, per 100 residents; false alarms by rule, device model and home."""

import datetime as dt
from collections import defaultdict
from typing import Any

from psycopg import Connection

from figures.core import months
from figures.core.sections import Cell, Column, Headline, Section, Table
from figures.reading import cells
from figures.reading.charts import run_picture
from figures.reading.scope import Window

SHORTEST = 0.1
"""Of a month: from less no rate a month is made."""
ENDINGS = {
    "true": ("属实", "true alarm"),
    "false": ("误报", "false alarm"),
    "test": ("测试", "test"),
    "cleared": ("已自动解除", "ended by itself"),
    "cancelled": ("已取消", "taken back"),
    "unrecorded": ("结果未登记", "no outcome recorded"),
    "open": ("未办结", "open"),
}


def residents(conn: Connection[Any], w: Window) -> tuple[dict[dt.date, int], dict[dt.date, int]]:
    """Residents registered in each month, for one without a registry the number of the next that has one; and those
    of the months that have one alone."""
    rows: dict[dt.date, int] = dict(
        conn.execute(
            "SELECT month, sum(residents)::int FROM figure_people WHERE area_id = %(area)s GROUP BY month", w.asked
        ).fetchall()
    )
    found: dict[dt.date, int] = {}
    following: int | None = None
    for month in sorted({*w.trend, *rows}, reverse=True):
        following = rows.get(month, following)
        if following is not None:
            found[month] = following
    return found, rows


def counts(conn: Connection[Any], w: Window, what: str) -> dict[str, dict[str, int]]:
    """Alerts of the window by key and ending; the most frequent key first."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for key, ending, n in conn.execute(
        "SELECT key, ending, sum(n)::int FROM figure_count WHERE area_id = %(area)s AND what = %(what)s AND month"
        " BETWEEN %(first)s AND %(last)s GROUP BY 1, 2",
        {**w.asked, "what": what},
    ):
        found[key][ending] = n
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def by_month(conn: Connection[Any], w: Window) -> dict[dt.date, int]:
    """Alerts of each month of the run chart that was counted."""
    rows = dict(
        conn.execute(
            "SELECT month, sum(n)::int FROM figure_count WHERE area_id = %(area)s AND what = 'severity' AND month"
            " BETWEEN %(trend)s AND %(last)s GROUP BY 1",
            w.asked,
        ).fetchall()
    )
    return {month: rows.get(month, 0) for month in w.trend if month in w.counted}


def rule_names(conn: Connection[Any], w: Window) -> dict[str, str]:
    """The rules in words, as their newest alerts say."""
    rows = conn.execute("SELECT rule, name_zh, name_en FROM figure_rule").fetchall()
    return {rule: w.say(zh or "其他预警", (en or "other alert").capitalize()) for rule, zh, en in rows}


def alerts(conn: Connection[Any], w: Window) -> Section:
    """All alerts, by kind and outcome."""
    found, names, each = counts(conn, w, "rule"), rule_names(conn, w), by_month(conn, w)
    people, registered = residents(conn, w)
    counted = sum(w.passed(month) for month in w.known if month in people)
    # nobody makes a month's rate of a few hours
    person_months = (
        sum(people[month] * w.passed(month) for month in w.known if month in people) if counted >= SHORTEST else 0.0
    )
    whole = {ending: sum(one.get(ending, 0) for one in found.values()) for ending in ENDINGS}
    rows = []
    for rule, ended in [*found.items(), (None, whole)]:
        total = sum(ended.values())
        only = {} if rule is None else {"rule": rule}
        rows.append(
            (
                cells.text(w.say("合计", "all") if rule is None else names.get(rule, rule)),
                cells.count(total, w.link("alerts", **only)),
                cells.number(100 * total / person_months if person_months else None, 2, w.link("alerts", **only)),
                *(cells.count(ended.get(ending, 0), w.link("alerts", **only, ending=ending)) for ending in ENDINGS),
            )
        )
    if person_months and sum(whole.values()):
        rates = {ending: 100 * n / person_months for ending, n in whole.items()}
        rows.append(
            (
                cells.text(w.say("每百人每月", "per 100 residents a month")),
                cells.UNKNOWN,
                cells.number(sum(rates.values()), 2, w.link("alerts")),
                *(cells.number(rate, 2, w.link("alerts", ending=ending)) for ending, rate in rates.items()),
            )
        )
    total = sum(whole.values())
    rate = 100 * total / person_months if person_months else None
    sentence = (
        no_months(w)
        if not w.known
        else w.say(
            f"{w.span_words}共 {total:,} 次预警"
            + (f"，平均每百名老人每月 {rate:.1f} 次" if rate is not None else "；登记人数不明或统计时间太短，不能折算")
            + f"。其中属实 {whole['true']:,}，误报 {whole['false']:,}，结果未登记 {whole['unrecorded']:,}，未办结"
            f" {whole['open']:,}。",
            f"{total:,} alerts in {w.span_words}"
            + (
                f", {rate:.1f} a month for 100 residents"
                if rate is not None
                else "; the number of residents is not known, or the time too short for a rate"
            )
            + f": {whole['true']:,} true, {whole['false']:,} false, {whole['unrecorded']:,} without an outcome"
            f" recorded, {whole['open']:,} open.",
        )
    )
    values = [
        100 * each[month] / people[month] if month in each and people.get(month) and w.whole(month) else None
        for month in w.trend
    ]
    title = w.say("预警", "Alerts")
    columns = (
        w.say("种类", "kind"),
        w.say("预警", "alerts"),
        w.say("每百人每月", "per 100 residents a month"),
        *(w.say(*words) for words in ENDINGS.values()),
    )
    return Section(
        code="alerts",
        title=title,
        sentence=sentence,
        pictures=(run_picture(w, w.say("每百名老人每月预警", "alerts per 100 residents, by month"), values),),
        tables=(
            Table(
                w.say("按种类与结果", "by kind and outcome"),
                tuple(Column(name, place > 0) for place, name in enumerate(columns)),
                tuple(rows),
            ),
            _month_table(w, each, people, registered),
        )
        if w.known
        else (),
        headlines=(
            Headline(
                w.say("预警", "alerts"),
                f"{total:,}" if w.known else "—",
                total if w.known else None,
                w.link("alerts") if total else "",
            ),
            Headline(
                w.say("每百人每月", "per 100 residents a month"),
                "—" if rate is None else f"{rate:.1f}",
                rate,
                w.link("alerts") if rate else "",
            ),
        ),
        how=(
            w.say(
                "按发生时间计入月份，模拟验证用户不计。每百人每月＝预警数÷各月登记老人数之和×100，不完整的月份（本月、开始使用的"
                "那个月）按统计到的天数折算，走势图只用完整的月份；没有登记记录的月份用其后最近一次的人数。合并的预警逐条计数，与“服务时效"
                "”页一致。",
                "Alerts count in the month in which they were raised; synthetic residents are left out. Per 100"
                " residents a month: alerts, by the sum of the residents registered in each month, times 100, a"
                " month that is not whole (the present one, and that in which the district began) by the part of it"
                " that was counted; the run chart has whole months. A month without a"
                " registry takes the number of the next that has one. Merged alerts count one by one, as on the"
                " page of the service level.",
            ),
        ),
    )


def _month_table(
    w: Window, each: dict[dt.date, int], people: dict[dt.date, int], registered: dict[dt.date, int]
) -> Table:
    rows = []
    for month in w.trend:
        code, n = months.code(month), each.get(month)
        rows.append(
            (
                cells.text(w.month_words(month)),
                cells.count(n, w.link("alerts", **{"from": code, "to": code})),
                _residents(w, month, people, registered) if n is not None else cells.UNKNOWN,
                cells.number(
                    100 * n / (people[month] * w.passed(month))
                    if n is not None and people.get(month) and w.passed(month) >= SHORTEST
                    else None,
                    2,
                    w.link("alerts", **{"from": code, "to": code}),
                ),
            )
        )
    columns = (
        w.say("月份", "month"),
        w.say("预警", "alerts"),
        w.say("登记老人", "residents"),
        w.say("每百人每月", "per 100 residents a month"),
    )
    return Table(
        w.say("按月", "by month"),
        tuple(Column(name, n > 0) for n, name in enumerate(columns)),
        tuple(rows),
        note=w.say(
            "“—”：该月没有数据。“≈”：该月没有登记记录，用其后最近一次的人数。",
            "— means that there are no data of that month; ≈ that nobody counted who was registered, and the number is"
            " that of the next month that has one.",
        ),
        folded=True,
    )


def _residents(w: Window, month: dt.date, people: dict[dt.date, int], registered: dict[dt.date, int]) -> Cell:
    if month in registered or month not in people:
        return cells.count(registered.get(month), w.link("people", month=months.code(month)))
    return Cell(f"≈ {people[month]:,}", people[month])


def no_months(w: Window) -> str:
    return w.say("所选月份没有数据。", "There are no data of these months.")
