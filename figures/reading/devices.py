"""Availability of devices by model, and the hours at which homes were not protected."""

from typing import Any

from psycopg import Connection

from care_network.protection.functions import WORDS
from figures.core import months
from figures.core.sections import Bar, BarPicture, Cell, Column, Headline, Section, Table
from figures.reading import cells, scope
from figures.reading.charts import run_picture
from figures.reading.falsehoods import model_name
from figures.reading.scope import Window


def availability(conn: Connection[Any], w: Window) -> Section:
    """Device hours that were heard, of those that are known."""
    rows = conn.execute(
        "SELECT model, max(devices) FILTER (WHERE month = newest), sum(expected_s), sum(silent_s), sum(unknown_s),"
        " max(newest) FROM (SELECT *, max(month) OVER () AS newest FROM figure_model WHERE area_id = %(area)s AND month"
        " BETWEEN %(first)s AND %(last)s) f GROUP BY model ORDER BY 2 DESC NULLS LAST, 1",
        w.asked,
    ).fetchall()
    monthly = {
        month: (expected, silent, unknown)
        for month, expected, silent, unknown in conn.execute(
            "SELECT month, sum(expected_s), sum(silent_s), sum(unknown_s) FROM figure_model WHERE area_id ="
            " %(area)s AND month BETWEEN %(trend)s AND %(last)s GROUP BY month",
            w.asked,
        )
    }
    affected: dict[str, int] = dict(
        conn.execute(
            """
        SELECT f.model, count(DISTINCT f.device_id) FROM figure_device f
        WHERE f.month BETWEEN %(first)s AND %(last)s AND f.silent_s > 0 AND f.area_id = ANY(%(below)s)
        GROUP BY f.model
        """,
            {**w.asked, "below": scope.below(conn, w)},
        ).fetchall()
    )
    whole = [sum(row[place] for row in rows) for place in (2, 3, 4)]
    newest = months.code(rows[0][5]) if rows else ""
    lines = []
    every = [(model_name(w, row[0]), {"model": row[0]}, row[1] or 0, affected.get(row[0], 0), row[2:5]) for row in rows]
    every += [(w.say("合计", "all"), {}, sum(one[2] for one in every), sum(affected.values()), whole)] if rows else []
    for name, only, devices, silent_ones, spans in every:
        to = w.link("device_months", **only)
        lines.append(
            (
                cells.text(name),
                cells.count(devices, w.link("month_devices", **only, month=newest)),
                cells.count(silent_ones, w.link("devices", **only)),
                *(cells.hours(span, digits, to) for span, digits in zip(spans, (0, 1, 1), strict=True)),
                Cell(cells.per_cent(_share(*spans), 2), _share(*spans), to if _share(*spans) is not None else ""),
            )
        )
    value = _share(*whole) if rows else None
    sentence = (
        w.say("所选月份没有设备数据。", "There are no data of devices in these months.")
        if not rows
        else w.say(
            f"所选月份的设备情况全部不明（{whole[2] / 3600:,.0f} 设备小时）。",
            f"Of these months nothing is known about any device ({whole[2] / 3600:,.0f} device hours).",
        )
        if value is None
        else w.say(
            f"已知时间内设备在线 {cells.per_cent(value, 2)}；{sum(affected.values()):,} 台设备曾经失联，另有"
            f" {whole[2] / 3600:,.0f} 设备小时情况不明，不计入。",
            f"Devices were heard for {cells.per_cent(value, 2)} of the time that is known;"
            f" {sum(affected.values()):,} were silent for a time, and {whole[2] / 3600:,.0f} device hours are not"
            " known and do not count.",
        )
    )
    title = w.say("设备在线率", "Availability of devices")
    values = [
        100 * share if month in monthly and (share := _share(*monthly[month])) is not None else None
        for month in w.trend
    ]
    columns = (
        w.say("型号", "model"),
        w.say(f"设备（{newest}）", f"devices ({newest})"),
        w.say("曾失联", "silent for a time"),
        w.say("应在线小时", "hours in service"),
        w.say("失联小时", "hours silent"),
        w.say("不明小时", "hours not known"),
        w.say("在线率", "availability"),
    )
    return Section(
        code="devices",
        title=title,
        sentence=sentence,
        pictures=(run_picture(w, title, values, unit="%"),) if rows else (),
        tables=(
            Table(
                w.say("按型号", "by model"), tuple(Column(name, n > 0) for n, name in enumerate(columns)), tuple(lines)
            ),
        )
        if lines
        else (),
        headlines=(Headline(title, cells.per_cent(value, 2), value, w.link("device_months") if rows else ""),),
        how=(
            w.say(
                "失联自最后一次收到数据起，至该设备预警办结或解除止；网关失联时其全部设备计为失联。在线率＝（应在线"
                "－失联－不明）÷（应在线－不明）。平台未核对的时间和从未上线的家庭计为不明。设备没有历史档案：现有设"
                "备自其网关登记起计。",
                "A device is silent from the last time it was heard until the alert about it ended; with a silent"
                " gateway all of its devices are. Availability: hours in service less those silent and not known,"
                " by hours in service less those not known. Times at which the platform did not look, and homes"
                " that were never heard, are not known. Devices have no past in the registry: those of today count"
                " from their gateway's registration on. The devices are those of the last month that has any; hours"
                " open by month, and each month its devices.",
            ),
        ),
    )


def _share(expected: float, silent: float, unknown: float) -> float | None:
    known = expected - unknown
    return max(0.0, (known - silent) / known) if known > 0 else None


def blind(conn: Connection[Any], w: Window) -> Section:
    """Hours at which homes had lost their protection, by function."""
    rows = {
        function: rest
        for function, *rest in conn.execute(
            "SELECT function, sum(homes), sum(lost_s), sum(bare_s), sum(unknown_s) FROM figure_blind WHERE area_id"
            " = %(area)s AND month BETWEEN %(first)s AND %(last)s GROUP BY function ORDER BY function",
            w.asked,
        )
    }
    # one pass over the homes, and not one for each function
    one_each = ", ".join(f"count(*) FILTER (WHERE lost[{n}])" for n in range(1, len(WORDS) + 1))
    several = ", ".join(f"bool_or(f.lost_s[{n}] > 0)" for n in range(1, len(WORDS) + 1))
    counted = conn.execute(
        f"""
        SELECT {one_each} FROM (
            SELECT ARRAY[{several}] AS lost FROM figure_person f JOIN area leaf ON leaf.id = f.area_id
            JOIN area top ON top.id = %(area)s AND leaf.path <@ top.path
            WHERE f.month BETWEEN %(first)s AND %(last)s GROUP BY f.household_id) homes
        """.encode(),  # noqa: S608 - of numbers
        w.asked,
    ).fetchone()
    affected = dict(enumerate(counted or ()))
    lines, bars = [], []
    for place, words in enumerate(WORDS.values()):
        if place not in rows:
            continue
        homes, lost, bare, unknown = rows[place]
        per_home = lost / 3600 / homes if homes else None
        lines.append(
            (
                cells.text(w.say(*words)),
                cells.count(affected.get(place, 0), w.link("homes", function=str(place))),
                cells.hours(lost, 1, w.link("homes", function=str(place))),
                cells.number(per_home, 2, w.link("homes", function=str(place))),
                cells.hours(bare, 1, w.link("homes", function=str(place), what="bare")),
                cells.hours(unknown, 1, w.link("homes", function=str(place), what="unknown")),
            )
        )
        bars.append(Bar(w.say(*words), per_home, "—" if per_home is None else f"{per_home:.2f}"))
    lost = sum(row[1] for row in rows.values())
    unknown = sum(row[3] for row in rows.values())
    homes = max((row[0] for row in rows.values()), default=0)
    seen = conn.execute(
        "SELECT count(DISTINCT month) FROM figure_blind WHERE area_id = %(area)s AND month BETWEEN %(first)s AND"
        " %(last)s",
        w.asked,
    ).fetchone()
    unseen = len(w.months) - (seen[0] if seen else 0)
    sentence = (
        w.say(
            "所选月份没有核对过守护状况：有没有失去守护不得而知。",
            "Nobody looked in these months: whether protection was lost is not known.",
        )
        if not rows
        else w.say(
            f"各守护项合计失去守护 {lost / 3600:,.1f} 户小时；另有 {unknown / 3600:,.0f} 户小时没有核对或情况不明"
            + (f"；{unseen} 个月没有守护记录，不在其中。" if unseen else "。"),
            f"Homes had lost a protection for {lost / 3600:,.1f} hours over all functions; of {unknown / 3600:,.0f}"
            " more hours it is not known"
            + (f"; {unseen} months have no record of protection, and are not among them." if unseen else "."),
        )
    )
    title = w.say("失去守护的时长", "Hours without protection")
    columns = (
        w.say("守护项", "function"),
        w.say("曾失去守护的住户", "homes that lost it"),
        w.say("失去守护小时", "hours lost"),
        w.say("每户每月小时", "hours per home a month"),
        w.say("从未配置小时", "hours never equipped"),
        w.say("不明小时", "hours not known"),
    )
    top = max((bar.value or 0 for bar in bars), default=0)
    return Section(
        code="blind",
        title=title,
        sentence=sentence,
        pictures=(
            BarPicture(w.say("每户每月失去守护小时", "hours lost per home a month"), sentence, tuple(bars), top or 1.0),
        )
        if bars
        else (),
        tables=(
            Table(
                w.say("按守护项", "by function"),
                tuple(Column(name, n > 0) for n, name in enumerate(columns)),
                tuple(lines),
            ),
        )
        if lines
        else (),
        headlines=(
            Headline(
                w.say("失去守护户小时", "home hours without protection"),
                f"{lost / 3600:,.0f}" if rows else "—",
                lost / 3600 / homes if homes else None,
            ),
        ),
        how=(
            w.say(
                "按守护全景的变化逐秒累计；一户取其中失去守护最久的老人。“失去守护”是配置了设备而不起作用，“从未配置"
                "”是没有这类设备，分开计。平台未核对的时间计为不明，不算有守护。",
                "Added up from the changes of the protection picture; of a home the resident who lost it longest"
                " counts. Lost means that devices are there and do not serve; never equipped, that there are none:"
                " they are told apart. Times at which nobody looked are not known, and never count as covered.",
            ),
        ),
    )
