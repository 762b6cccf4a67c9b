"""Times to the answer, to the door and to the end: median and 90 % within, by month, against the targets in force."""

import datetime as dt
from collections import defaultdict
from typing import Any

from psycopg import Connection

from dispatch.sla import report as sla_store
from dispatch.sla.clock import WORDS, Milestone
from figures.core import months
from figures.core.sections import Cell, Column, Headline, Line, Section, Table
from figures.core.shares import FEW, FEWEST, Share
from figures.reading import cells
from figures.reading.charts import run_picture
from figures.reading.scope import Window
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS, Severity

SHOWN: tuple[Milestone, ...] = ("acknowledged", "on_scene", "resolved")
TITLES = {
    "acknowledged": ("从预警到接警", "from the alert to the answer"),
    "on_scene": ("从预警到上门", "from the alert to the door"),
    "resolved": ("从预警到办结", "from the alert to the end"),
}
_Row = dict[str, Any]


def times(conn: Connection[Any], w: Window, severity: Severity) -> Section:
    """Run charts of one severity, and the shares in time of all."""
    found: dict[tuple[str, str], dict[dt.date, _Row]] = defaultdict(dict)
    for month, sort, milestone, reached, p50, p90, met, late, missed, pending, low, high, *rest in conn.execute(
        "SELECT month, severity, milestone, reached, p50_s, p90_s, met, late, missed, pending, target_low,"
        " target_high, waiting, p50_over, p90_over FROM figure_time WHERE area_id = %(area)s AND month BETWEEN"
        " %(trend)s AND %(last)s",
        w.asked,
    ):
        found[sort, milestone][month] = {
            "reached": reached,
            "p50": p50,
            "p90": p90,
            "met": met,
            "late": late,
            "missed": missed,
            "pending": pending,
            "low": low,
            "high": high,
            "waiting": rest[0],
            "p50_over": rest[1],
            "p90_over": rest[2],
            "n": reached + rest[0],
        }
    targets = sla_store.targets(conn).at(w.now)
    pictures, tables = [], [_shares(w, found, targets.share)]
    for milestone in SHOWN:
        rows = found.get((severity, milestone), {})
        if not rows:
            continue
        title = w.say(*TITLES[milestone])
        wanted = tuple(rows[month]["high"] / 60 if month in rows and rows[month]["high"] else None for month in w.trend)
        second = tuple(_minutes(rows, month, "p90") for month in w.trend)
        more = [Line(w.say("90% 不超过", "90% within"), second, "second")]
        if any(value is not None for value in wanted):
            more.append(Line(w.say("时限", "target"), wanted, "target"))
        pictures.append(
            run_picture(
                w,
                f"{w.say(*SEVERITY_WORDS[severity]).capitalize()} · {title}",
                [_minutes(rows, month, "p50") for month in w.trend],
                more=tuple(more),
                unit=w.say("分钟", "min"),
                name=w.say("一半不超过", "half within"),
            )
        )
        tables.append(_by_month(w, severity, milestone, rows, targets.share))
    answered = _sum(w, found.get((severity, "acknowledged"), {}))
    word = w.say(*SEVERITY_WORDS[severity])
    sentence = (
        w.say(f"{w.span_words}没有{word}预警。", f"No {word} alerts in {w.span_words}.")
        if not answered.whole
        else (
            w.say(
                f"{word}预警 {answered.whole:,} 次到了接警时限，{answered.part:,} 次按时接警（"
                f"{cells.per_cent(answered.value)}，目标 {100 * targets.share:g}%）。",
                f"Of {answered.whole:,} {word} alerts due for an answer {answered.part:,} were answered in time"
                f" ({cells.per_cent(answered.value)}; wanted {100 * targets.share:g} %).",
            )
        )
    )
    heads = [
        Headline(
            w.say(f"{word}：按时接警", f"{word}: answered in time"),
            cells.per_cent(answered.value),
            answered.value,
            w.link("alerts", severity=severity, milestone="acknowledged", verdict="due") if answered.whole else "",
        )
    ]
    for milestone in SHOWN[:2]:
        newest = found.get((severity, milestone), {}).get(w.last)
        cell = cells.UNKNOWN if newest is None else _percentile(w, newest, "p50", _to_counted(w, severity, milestone))
        label = w.say(
            f"{word}：{TITLES[milestone][0]}，最后一月中位",
            f"{word}: {TITLES[milestone][1]}, median of the last month",
        )
        heads.append(Headline(label, cell.text, cell.value if isinstance(cell.value, float) else None, cell.link))
    return Section(
        code="times",
        title=w.say("处置时效", "Times"),
        sentence=sentence,
        pictures=tuple(pictures),
        tables=tuple(table for table in tables if table.rows),
        headlines=tuple(heads),
        how=(
            w.say(
                "自预警发生起算。还在等待的预警不剔除：按已等待的时间计入（Kaplan–Meier 法，1958），等的越多，"
                "中位数和 90% 越长；“>”表示等待的太多，只知道比这更长。已结束而始终没有到达、"
                "又超过时限的，算到结束为止（上门除外：已在电话中办结的不需要上门）；全部到达的月份按线性插值，与“服务时效”页一致。时限内结束而无需该环节的不计。"
                f"不足 {FEWEST} 例不列分位数，也不画点；不足 {FEW} 例以灰色显示。",
                "From the moment when the alert was raised. Alerts that still wait are not left out: they count with"
                " the time that they have waited so far (Kaplan and Meier 1958), so that the more wait, the longer"
                " median and 90 % become; > means that so many wait that it is only known to be longer. One that"
                " ended without the milestone, after its target, counts up to its end (but for the door: settled by"
                " telephone it needed nobody there); one that ended before the"
                " target without it had no need of it, and does not count. Where all reached it the percentiles are"
                " interpolated, as on the page of the service level. Below"
                f" {FEWEST} cases there is no percentile and no point; below {FEW} a line is grey.",
            ),
            w.say(
                "按时＝时限内到达÷（按时＋超时到达＋逾期未到达）；时限未到或无需该环节的不计。时限为预警发生时有效的时限。",
                "In time: reached within the target, by those that reached it and those whose target is over without"
                " it; those that still may reach it, or need not, do not count. Targets are those that were in force"
                " when the alert was raised.",
            ),
            w.say(
                "走势图规则（Perla 等，BMJ Quality & Safety 2011）：连续 6 点在中位线同侧，或连续 5 点同向，即为信号；"
                "不足 10 点不判断。点越多，偶然出现的信号也越多（Anhøj 和 Olesen，PLoS ONE 2014），比例写在图下。",
                "Rules of the run charts (Perla et al., BMJ Quality & Safety 2011): six points on one side of the"
                " median, or five in one direction, are a signal; the more points, the more signals chance makes"
                " (Anhøj and Olesen, PLoS ONE 2014), how many stands below the chart; below ten points nothing"
                " is concluded.",
            ),
        ),
    )


def _to_counted(w: Window, severity: str, milestone: str) -> str:
    code = months.code(w.last)
    return w.link(
        "alerts", **{"from": code, "to": code}, severity=severity, milestone=milestone, verdict="counted"
    )  # fmt: skip


def _minutes(rows: dict[dt.date, _Row], month: dt.date, name: str) -> float | None:
    if month not in rows or rows[month][name] is None or rows[month]["n"] < FEWEST:
        return None
    return float(rows[month][name]) / 60


def _percentile(w: Window, row: _Row, name: str, link: str = "") -> Cell:
    return cells.span(w.language, row[name], link, over=row[f"{name}_over"], n=row["n"])


def _sum(w: Window, every: dict[dt.date, _Row]) -> Share:
    rows = {month: row for month, row in every.items() if month >= w.first}
    met = sum(row["met"] for row in rows.values())
    return Share(met, met + sum(row["late"] + row["missed"] for row in rows.values()))


def _shares(w: Window, found: dict[tuple[str, str], dict[dt.date, _Row]], wanted: float) -> Table:
    rows = []
    for severity in SEVERITIES:
        for milestone, words in WORDS.items():
            each = {month: row for month, row in found.get((severity, milestone), {}).items() if month >= w.first}
            of = _sum(w, each)
            if not of.whole:
                continue
            only = {"severity": severity, "milestone": milestone}
            rows.append(
                (
                    cells.text(w.say(*SEVERITY_WORDS[severity]).capitalize()),
                    cells.text(w.say(*words).capitalize()),
                    cells.count(of.whole, w.link("alerts", **only, verdict="due")),
                    cells.count(of.part, w.link("alerts", **only, verdict="met")),
                    cells.share(of, w.link("alerts", **only, verdict="due"), wanted),
                    cells.interval(of),
                    cells.count(sum(row["late"] for row in each.values()), w.link("alerts", **only, verdict="late")),
                    cells.count(
                        sum(row["missed"] for row in each.values()), w.link("alerts", **only, verdict="missed")
                    ),
                )
            )
    columns = (
        (w.say("级别", "severity"), False),
        (w.say("环节", "milestone"), False),
        (w.say("到时限 n", "due, n"), True),
        (w.say("按时", "in time"), True),
        (w.say("占比", "share"), True),
        (w.say("95% 区间", "95 % interval"), True),
        (w.say("超时到达", "late"), True),
        (w.say("逾期未到达", "missed"), True),
    )
    return Table(w.say("按时占比", "share in time"), tuple(Column(*one) for one in columns), tuple(rows))


def _by_month(w: Window, severity: str, milestone: Milestone, rows: dict[dt.date, _Row], wanted: float) -> Table:
    lines = []
    for month in w.trend:
        row, code = rows.get(month), months.code(month)
        if row is None:
            lines.append(
                (
                    cells.text(w.month_words(month)),
                    *[cells.UNKNOWN if month not in w.counted else cells.count(0)] * 2,
                    *[cells.UNKNOWN] * 4,
                )
            )
            continue

        def to(verdict: str, code: str = code) -> str:
            return w.link(
                "alerts", **{"from": code, "to": code}, severity=severity, milestone=milestone, verdict=verdict
            )

        lines.append(
            (
                cells.text(w.month_words(month)),
                cells.count(row["reached"], to("reached")),
                cells.count(row["waiting"], to("waiting")),
                _percentile(w, row, "p50", to("counted")),
                _percentile(w, row, "p90", to("counted")),
                _target(w, row),
                cells.share(Share(row["met"], row["met"] + row["late"] + row["missed"]), link=to("due"), wanted=wanted),
            )
        )
    columns = (
        w.say("月份", "month"),
        w.say("到达 n", "reached, n"),
        w.say("未到达（等待中）n", "not reached, n"),
        w.say("一半不超过", "half within"),
        w.say("90% 不超过", "90% within"),
        w.say("时限", "target"),
        w.say("按时占比", "in time"),
    )
    title = w.say(*TITLES[milestone])
    return Table(
        f"{w.say(*SEVERITY_WORDS[severity]).capitalize()} · {title}",
        tuple(Column(name, n > 0, "s" if 3 <= n <= 5 else "") for n, name in enumerate(columns)),
        tuple(lines),
        folded=True,
    )


def _target(w: Window, row: _Row) -> Cell:
    if row["low"] is None:
        return cells.UNKNOWN
    low, high = (cells.span_words(w.language, row[name]) for name in ("low", "high"))
    return Cell(low if low == high else f"{low} → {high}", row["high"])
