"""The demand to be expected in the coming months, by ability grade and by the areas below, with its uncertainty."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.catalogues.ability import GRADES
from figures.core import forecast, months
from figures.core.sections import Cell, Column, Headline, Line, RunPicture, Section, Table
from figures.reading import cells
from figures.reading.places import grade_name
from figures.reading.scope import MOST_MONTHS, Window

SHOWN = 24
"""Months of the past in the picture."""


def outlook(conn: Connection[Any], w: Window) -> Section:
    """Forecasts from all whole months before the present one."""
    present = months.month_at(w.now)
    past = [month for month in sorted(w.counted) if month < present and w.whole(month)]
    past = past[_gap_after(past) :]
    ahead = [months.after(present, step) for step in range(forecast.AHEAD)]
    asked = {**w.asked, "first": past[0] if past else present, "until": present}
    grades = _series(
        conn.execute(
            "SELECT key, month, sum(n)::int FROM figure_count WHERE area_id = %(area)s AND what = 'grade' AND month"
            " >= %(first)s AND month < %(until)s GROUP BY 1, 2",
            asked,
        ).fetchall(),
        past,
    )
    below = _series(
        conn.execute(
            """
        SELECT a.path::text, f.month, sum(f.n)::int FROM figure_count f JOIN area a ON a.id = f.area_id
        JOIN area top ON top.id = %(area)s AND a.path <@ top.path AND nlevel(a.path) = nlevel(top.path) + 1
        WHERE f.what = 'severity' AND f.month >= %(first)s AND f.month < %(until)s GROUP BY 1, 2 ORDER BY 1
        """,
            asked,
        ).fetchall(),
        past,
    )
    names = {path: w.say(zh, en) for path, zh, en in conn.execute("SELECT path::text, name_zh, name_en FROM area")}
    whole = [sum(counts[place] for counts in grades.values()) for place in range(len(past))]
    sizes, sizes_ahead = [_days(month) for month in past], [_days(month) for month in ahead]
    # of a list as many months as one may ask for
    known = {"from": months.code(past[-MOST_MONTHS:][0]), "to": months.code(past[-1])} if past else {}

    def row(name: str, counts: list[float], **only: str) -> tuple[Cell, ...]:
        return _row(w, name, forecast.forecast(counts, sizes, sizes_ahead), w.link("alerts", **known, **only))

    found = forecast.forecast(whole, sizes, sizes_ahead)
    lines = [row(w.say("合计", "all"), whole)]
    lines += [
        row(grade_name(w, grade), grades[grade], grade=grade or "none") for grade in (*GRADES, "") if grade in grades
    ]
    lines += [row(names.get(path, path), counts, area=path) for path, counts in below.items()]
    title = w.say("需求预测", "Demand to be expected")
    columns = (
        w.say("能力等级或区域", "grade or area"),
        w.say("已有月数", "months so far"),
        *(
            head
            for month in map(months.code, ahead)
            for head in (w.say(f"{month} 预计", f"{month} expected"), w.say("八成范围", "80 % range"))
        ),
        w.say("回测平均误差", "mean error when tested"),
        w.say("简单推测的误差", "error of the simplest guess"),
        w.say("回测落入范围", "in the range when tested"),
        w.say("方法", "method"),
    )
    if found.months:
        one = found.months[0]
        sentence = w.say(
            f"预计 {months.code(ahead[0])} 全月 {one.value:,.0f} 次预警（十次中八次在"
            f" {one.low:,.0f}–{one.high:,.0f} 之间）；回测平均误差 {found.error:,.1f} 次，“与上月相同”的误差"
            f" {found.naive_error:,.1f} 次"
            + (f"；过去 {found.ranged} 个月中有 {found.held} 个落在当时给出的范围内。" if found.ranged else "。"),
            f"{one.value:,.0f} alerts are expected in {months.code(ahead[0])} (eight times of ten {one.low:,.0f} to"
            f" {one.high:,.0f}); when tested the mean error was {found.error:,.1f}, of the simplest guess"
            f" {found.naive_error:,.1f}"
            + (
                f"; of {found.ranged} months {found.held} came to lie in the range that was told then."
                if found.ranged
                else "."
            ),
        )
    else:
        sentence = w.say(
            f"只有 {found.had} 个完整月份的数据，至少需要 {forecast.ENOUGH} 个月，暂不预测。",
            f"Not enough months: {found.had} whole ones are there, {forecast.ENOUGH} are needed before anything is"
            " foretold.",
        )
    return Section(
        code="outlook",
        title=title,
        sentence=sentence,
        pictures=(_picture(w, past[-SHOWN:], whole[-SHOWN:], found, ahead, sentence),) if found.months else (),
        tables=(
            Table(
                w.say("每月预警数", "alerts by month"),
                tuple(Column(name, 0 < n < len(columns) - 1) for n, name in enumerate(columns)),
                tuple(lines),
            ),
        ),
        headlines=(
            Headline(
                w.say(f"{months.code(ahead[0])} 预计预警", f"alerts expected in {months.code(ahead[0])}"),
                f"{found.months[0].value:,.0f}" if found.months else "—",
                found.months[0].value if found.months else None,
            ),
        )
        if w.last == present  # whoever looks back does not look ahead
        else (),
        how=(
            w.say(
                "需求以每月预警数计，只用完整的月份，按每月天数折算。方法为阻尼趋势指数平滑（Gardner 和 McKenzie"
                " 1985）。"
                f"回测：自第 {forecast.LEARNT + 1} 个月起，每月只用之前的数据预测，与“与上月相同”比较；不比它好的，"
                "就用它。"
                "范围按回测中提前一、二、三个月的误差（学生氏分布，80%），至少按泊松分布的波动，越远越宽。"
                "几年以内看不出季节：季节性强时范围仍会偏窄。各行分别预测，相加不等于合计。",
                "Demand is the number of alerts a month, by the days of each; whole months alone are used. Method:"
                " exponential smoothing with a damped trend (Gardner and McKenzie 1985). Tested: from month"
                f" {forecast.LEARNT + 1} on each is foretold from those before and compared with the simplest guess, as"
                " in the month before; where the method is no better, that guess is shown. The range is made of the"
                " errors of that test one, two and three months ahead (Student, 80 %), at least as wide as chance"
                " makes it (Poisson). Seasons cannot be learnt from a few years: where they are strong the range is"
                " still too narrow. Lines are foretold one by one, and do not add up to all.",
            ),
        ),
    )


def _gap_after(past: list[dt.date]) -> int:
    """The place after the last month that is missing: a forecast needs an unbroken row."""
    for place in range(len(past) - 1, 0, -1):
        if months.after(past[place - 1]) != past[place]:
            return place
    return 0


def _series(rows: list[tuple[str, dt.date, int]], past: list[dt.date]) -> dict[str, list[float]]:
    place = {month: n for n, month in enumerate(past)}
    found: dict[str, list[float]] = {}
    for key, month, n in rows:
        if month in place:
            found.setdefault(key, [0.0] * len(past))[place[month]] += n
    return found


def _days(month: dt.date) -> int:
    return (months.after(month) - month).days


def _row(w: Window, name: str, found: forecast.Forecast, link: str) -> tuple[Cell, ...]:
    if not found.months:
        words = w.say(f"月数不足（需 {forecast.ENOUGH}）", f"not enough months ({forecast.ENOUGH} needed)")
        return (
            cells.text(name),
            cells.count(found.had),
            *[cells.UNKNOWN] * (2 * forecast.AHEAD + 3),
            cells.text(words),
        )
    method = w.say("与上月相同", "as in the month before") if found.naive else w.say("阻尼趋势", "damped trend")
    return (
        cells.text(name),
        cells.count(found.had),
        *(
            cell
            for one in found.months
            for cell in (cells.number(one.value, 0, link), cells.text(f"{one.low:,.0f}–{one.high:,.0f}"))
        ),
        cells.number(found.error),
        cells.number(found.naive_error),
        cells.text(f"{found.held}/{found.ranged}") if found.ranged else cells.UNKNOWN,
        cells.text(method),
    )


def _picture(
    w: Window, past: list[dt.date], counts: list[float], found: forecast.Forecast, ahead: list[dt.date], words: str
) -> RunPicture:
    before, after = [None] * len(past), [None] * len(ahead)
    lines = (
        Line(w.say("预警", "alerts"), (*counts, *after)),
        Line(w.say("预计", "expected"), (*before[:-1], counts[-1], *(one.value for one in found.months)), "second"),
        Line(w.say("80% 下限", "80 %, low"), (*before, *(one.low for one in found.months)), "target"),
        Line(w.say("80% 上限", "80 %, high"), (*before, *(one.high for one in found.months)), "target"),
    )
    return RunPicture(
        w.say("每月预警与预测", "alerts by month, and expected"),
        words,
        tuple(months.code(month) for month in (*past, *ahead)),
        lines,
    )
