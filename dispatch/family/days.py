"""Tell a resident's day in words, and the week against what is usual. From the roll-ups."""

import datetime as dt
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import psycopg

from vocabulary.times import SHANGHAI

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
UP_AFTER = dt.time(4)
"""Movement before it is of the night."""
OUT_FOR = dt.timedelta(minutes=20)
"""A door that is followed by so long without movement inside was an outing."""
PRESSURE = ((90, 139), (60, 89))
"""Systolic and diastolic blood pressure that need no word, mmHg (Chinese guidelines for hypertension 2018)."""
WEEK, BEFORE = 7, 21
LEAST_DAYS = 3
Against = Literal["usual", "less", "more", "unknown"]
AGAINST: Mapping[Against, tuple[str, str]] = {
    "usual": ("平时", "usual"),
    "less": ("偏少", "less"),
    "more": ("偏多", "more"),
    "unknown": ("不明", "unknown"),
}
LEVEL: Mapping[Against, tuple[str, str]] = {**AGAINST, "less": ("偏低", "lower"), "more": ("偏高", "higher")}


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of today."""

    up_at: dt.datetime | None = None
    moved_at: dt.datetime | None = None
    out: tuple[dt.datetime, ...] = ()
    pressure: tuple[float, float] | None = None
    pressure_at: dt.datetime | None = None
    heart_rate: float | None = None
    heart_rate_at: dt.datetime | None = None
    usual_heart_rate: float | None = None


class DayCell(msgspec.Struct, frozen=True):
    """One day of a strip."""

    date: dt.date
    value: float | None
    against: Against


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """The last seven whole days of one quantity, against the median of the three weeks before."""

    zh: str
    en: str
    unit_zh: str
    unit_en: str
    usual: float | None
    days: tuple[DayCell, ...]
    words: Mapping[Against, tuple[str, str]]


def load(
    conn: psycopg.Connection[Any],
    resident_id: int,
    household_id: int,
    series: Sequence[dict[str, Any]],
    newest: Sequence[dict[str, Any]],
    now: dt.datetime,
) -> tuple[Today, tuple[Strip, ...]]:
    """Read the day and the week. ``series``, ``newest``: of :mod:`care_network.records.vitals`."""
    midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    moving = [row["id"] for row in series if row["channel"] == "motion"]
    beating = [row["id"] for row in series if row["channel"] == "heart_rate"]
    minutes = [
        row[0]
        for row in conn.execute(
            "SELECT DISTINCT time FROM reading_minutes(%s::int[], %s, %s) WHERE high > 0 ORDER BY time",
            (moving, midnight, now),
        )
    ]
    events = conn.execute(
        """
        SELECT e.time, e.kind = 'bed_exit' FROM gateway g JOIN device d ON d.gateway_id = g.id
        JOIN event e ON e.device_id = d.id
        WHERE g.household_id = %s AND e.time >= %s AND e.time <= %s AND e.kind IN ('bed_exit', 'door_opened')
        ORDER BY e.time
        """,
        (household_id, midnight, now),
    ).fetchall()
    since = midnight - (WEEK + BEFORE) * DAY
    active = _by_day(
        conn.execute(
            "SELECT DISTINCT time, 1.0 FROM reading_hours(%s::int[], %s, %s) WHERE high > 0", (moving, since, midnight)
        ).fetchall()
    )
    beats = _by_day(
        conn.execute(
            "SELECT time, mean FROM reading_hours(%s::int[], %s, %s) WHERE mean > 0", (beating, since, midnight)
        ).fetchall()
    )
    rates = {day: statistics.fmean(values) for day, values in beats.items()}
    today = midnight.date()
    strips = [
        strip(
            "活动", "activity", "小时", "h", {d: float(len(v)) for d, v in active.items()}, today, (0.6, 1.5), AGAINST
        ),
        strip("心率", "heart rate", "次/分", "/min", rates, today, (0.9, 1.1), LEVEL),
    ]
    measured = {row["channel"]: row["value"] for row in newest if row["time"] >= midnight}
    times = {row["channel"]: row["time"] for row in newest}
    pressure = (
        (measured["systolic_bp"], measured["diastolic_bp"])
        if {"systolic_bp", "diastolic_bp"} <= set(measured)
        else None
    )
    doors = [row[0] for row in events if not row[1]]
    day = Today(
        up_at=up_at([row[0] for row in events if row[1]], minutes),
        moved_at=minutes[-1] if minutes else None,
        out=outings(doors, minutes, now),
        pressure=pressure,
        pressure_at=times.get("systolic_bp"),
        heart_rate=measured.get("heart_rate"),
        heart_rate_at=times.get("heart_rate"),
        usual_heart_rate=strips[1].usual,
    )  # fmt: skip
    return day, tuple(one for one in strips if any(cell.value is not None for cell in one.days))


def up_at(left_bed: Sequence[dt.datetime], moved: Sequence[dt.datetime]) -> dt.datetime | None:
    """When somebody got up: the first time out of bed after UP_AFTER, else the first movement. Pure."""
    for times in (left_bed, moved):
        for time in times:
            if time.astimezone(SHANGHAI).time() >= UP_AFTER:
                return time
    return None


def outings(doors: Sequence[dt.datetime], moved: Sequence[dt.datetime], now: dt.datetime) -> tuple[dt.datetime, ...]:
    """When somebody went out: the door, and then no movement inside for OUT_FOR. Pure."""
    found: list[dt.datetime] = []
    for door in doors:
        after = next((time for time in moved if time > door + dt.timedelta(minutes=1)), now)
        back = not found or any(found[-1] < time < door for time in moved)
        if after - door >= OUT_FOR and back:  # the door that shuts behind them is no second outing
            found.append(door)
    return tuple(found)


def strip(
    zh: str, en: str, unit_zh: str, unit_en: str, by_day: Mapping[dt.date, float], today: dt.date,
    bounds: tuple[float, float], words: Mapping[Against, tuple[str, str]],
) -> Strip:  # fmt: skip
    """A week of days against the median of the BEFORE days before it. Pure."""
    week = [today - (WEEK - number) * DAY for number in range(WEEK)]
    before = [value for day, value in by_day.items() if day < week[0]]
    usual = statistics.median(before) if len(before) >= LEAST_DAYS else None
    days = tuple(DayCell(day, by_day.get(day), against(by_day.get(day), usual, bounds)) for day in week)
    return Strip(zh=zh, en=en, unit_zh=unit_zh, unit_en=unit_en, usual=usual, days=days, words=words)


def against(value: float | None, usual: float | None, bounds: tuple[float, float]) -> Against:
    """Compare a day with what is usual. Pure."""
    if value is None or usual is None or usual <= 0:
        return "unknown"
    if value < bounds[0] * usual:
        return "less"
    return "more" if value > bounds[1] * usual else "usual"


def words(today: Today) -> tuple[list[str], list[str]]:
    """Today in words, Chinese and English: one short line a fact. Pure."""
    zh: list[str] = []
    en: list[str] = []
    if today.up_at:
        morning = today.up_at.astimezone(SHANGHAI).hour < 12
        zh.append(f"{_clock(today.up_at)} {'起床' if morning else '开始有活动'}")
        en.append(f"{'up' if morning else 'moving'} since {_clock(today.up_at)}")
    for name_zh, name_en, morning in (("上午", "in the morning", True), ("下午", "in the afternoon", False)):
        count = sum((time.astimezone(SHANGHAI).hour < 12) is morning for time in today.out)
        if count:
            zh.append(f"{name_zh}外出 {count} 次")
            en.append(f"went out {count} time{'s' * (count > 1)} {name_en}")
    if today.pressure:
        low = any(value < bounds[0] for value, bounds in zip(today.pressure, PRESSURE, strict=True))
        high = any(value > bounds[1] for value, bounds in zip(today.pressure, PRESSURE, strict=True))
        mark = ("偏高", "high") if high else ("偏低", "low") if low else ("正常范围", "normal range")
        value = f"{today.pressure[0]:.0f}/{today.pressure[1]:.0f}"
        zh.append(f"{_at(today.pressure_at)[0]}血压 {value}，{mark[0]}")
        en.append(f"blood pressure {value}{_at(today.pressure_at)[1]}, {mark[1]}")
    if today.heart_rate:
        level = LEVEL[against(today.heart_rate, today.usual_heart_rate, (0.8, 1.25))]
        usual = today.usual_heart_rate is not None
        than_zh, than_en = (f"，{level[0].replace('平时', '与平时差不多')}", f", {level[1]}") if usual else ("", "")
        at_zh, at_en = _at(today.heart_rate_at)
        zh.append(f"{at_zh}心率 {today.heart_rate:.0f} 次/分{than_zh}")
        en.append(f"heart rate {today.heart_rate:.0f}/min{at_en}{than_en}")
    return zh, en


def _at(time: dt.datetime | None) -> tuple[str, str]:
    """When it was measured: what was measured this morning is not how it is now."""
    return ("", "") if time is None else (f"{_clock(time)} ", f" at {_clock(time)}")


def _clock(time: dt.datetime) -> str:
    return time.astimezone(SHANGHAI).strftime("%H:%M")


def _by_day(rows: Collection[tuple[Any, ...]]) -> dict[dt.date, list[float]]:
    days: dict[dt.date, list[float]] = {}
    for time, value in rows:
        days.setdefault(time.astimezone(SHANGHAI).date(), []).append(float(value))
    return days
