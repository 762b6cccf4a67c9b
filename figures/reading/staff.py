"""The load of the staff: work orders, hours on duty, calls at night; in all and per person."""

from statistics import median
from typing import Any

from psycopg import Connection

from figures.core import months
from figures.core.sections import Column, Headline, Section, Table
from figures.reading import cells
from figures.reading.charts import run_picture
from figures.reading.scope import Window


def load(conn: Connection[Any], w: Window) -> Section:
    """The load by month, with the person in the middle and the one who had most."""
    found: dict[Any, list[tuple[int, float, int]]] = {}
    for month, *row in conn.execute(
        """
        SELECT f.month, f.orders, f.duty_s, f.night_calls FROM figure_worker f JOIN area a ON a.id = f.area_id
        JOIN area top ON top.id = %(area)s AND a.path <@ top.path WHERE f.month BETWEEN %(trend)s AND %(last)s
        """,
        w.asked,
    ):
        found.setdefault(month, []).append(tuple(row))
    lines = []
    for month in w.trend:
        people, code = found.get(month), months.code(month)
        if people is None:
            lines.append((cells.text(w.month_words(month)), *[cells.UNKNOWN] * 8))
            continue
        only = {"from": code, "to": code}
        to = w.link("staff", **only)
        orders, duty, calls = ([row[place] for row in people] for place in range(3))
        lines.append(
            (
                cells.text(w.month_words(month)),
                cells.count(len(people), to),
                cells.count(int(sum(orders)), w.link("orders", **only)),
                cells.number(median(orders), 1, to),
                cells.number(float(max(orders)), 0, to),
                cells.hours(median(duty), 0, to),
                cells.number(float(sum(calls)), 0, to),
                cells.number(median(calls), 1, to),
                cells.number(float(max(calls)), 0, to),
            )
        )
    here = {month: people for month, people in found.items() if month >= w.first}
    nights = [sum(row[2] for row in people) for people in here.values()]
    total = sum(sum(row[0] for row in people) for people in here.values())
    newest = here[max(here)] if here else []
    most = max((row[2] for row in newest), default=0)
    sentence = (
        w.say("所选月份没有排班和工单数据。", "There are no rosters or orders in these months.")
        if not here
        else w.say(
            f"共完成工单 {total:,} 件，夜间（22 点至 7 点）呼叫 {sum(nights):,} 次；最近一月 {len(newest)} 人在岗，"
            f"夜间被叫最多的一人 {most} 次。",
            f"{total:,} work orders were done, and people were called {sum(nights):,} times at night (22:00 to"
            f" 07:00); in the newest month {len(newest)} worked, and one of them was called {most} times at night.",
        )
    )
    title = w.say("人员负荷", "Load of the staff")
    columns = (
        w.say("月份", "month"),
        w.say("人数", "people"),
        w.say("完成工单", "orders done"),
        w.say("每人工单（中位）", "orders a person, median"),
        w.say("一人最多", "most of one"),
        w.say("每人在班小时（中位）", "hours on duty, median"),
        w.say("夜间呼叫", "calls at night"),
        w.say("每人夜间呼叫（中位）", "calls at night, median"),
        w.say("一人最多", "most of one"),
    )
    per_person = [
        sum(row[0] for row in found[month]) / len(found[month]) if month in found and w.whole(month) else None
        for month in w.trend
    ]
    return Section(
        code="staff",
        title=title,
        sentence=sentence,
        pictures=(run_picture(w, w.say("每人完成工单", "orders done a person"), per_person),) if found else (),
        tables=(
            Table(
                w.say("按月", "by month"),
                tuple(Column(name, n > 0) for n, name in enumerate(columns)),
                tuple(lines),
                more=(w.say("逐人查看", "person by person"), w.link("staff")) if w.link("staff") else None,
            ),
        )
        if found
        else (),
        headlines=(
            Headline(
                w.say("完成工单", "work orders done"),
                f"{total:,}" if here else "—",
                total if here else None,
                w.link("orders") if total else "",
            ),
            Headline(
                w.say("夜间呼叫", "calls at night"),
                f"{sum(nights):,}" if here else "—",
                sum(nights) if here else None,
                w.link("staff") if here else "",
            ),
        ),
        how=(
            w.say(
                "按机构所在区域计。工单以完成时间、派给的人计；在班小时按排班表扣除请假，当月计到统计时；夜间呼叫是"
                " 22 点至 7 点发给本人的预警呼叫，撤回的不计。没有工单、班次和呼叫的人不列入。",
                "By the area of the organisation. Orders count for whoever did them, in the month in which they"
                " were done; hours are those of the roster less absences, up to the count; calls at night are those"
                " of alerts between 22:00 and 07:00 that were not withdrawn. Who had no order, shift or call is"
                " left out.",
            ),
        ),
    )
