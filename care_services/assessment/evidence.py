"""Knowledge of the platform about a resident's last 30 days, for the assessor to look at: offered, and never applied.

Each line has its number, its period, the alerts behind it, and for how much of the time the home could tell at all:
a home that was blind has "unknown", never zero.
"""

import datetime as dt
import statistics
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.protection.functions import Function, Level, serves
from care_network.protection.history import durations
from care_network.records import vitals
from care_services.assessment.standard import standard
from firmware_profiles.devices import MODELS
from vocabulary.times import SHANGHAI

Kind = Literal["falls", "wandering", "nights", "steps", "outcomes"]
FALL_RULES, WANDERING_RULES = ("fall",), ("night_wandering", "not_back")
"""Rules of detection whose true alerts are such events; an alert of any rule is one where its cause says so."""
NIGHT_HOURS = (0, 5)
"""Hours of Shanghai's clock in which a bed is looked at."""
KNOWN_SHARE = 0.9
"""Of the period, from which on a number counts as whole."""
LEAST_NIGHT_HOURS = 4
"""Hours with readings, of a night that counts."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that the platform knows, or not."""

    kind: Kind
    since: dt.datetime
    until: dt.datetime
    number: float | None
    """Falls, ways out, minutes out of bed a night (median), steps a day (median), alerts; None: unknown."""
    known_days: float
    """Days of the period of which anything is known."""
    device: bool
    """Whether a device that could tell is registered now."""
    open: int = 0
    """Alerts of the kind whose truth nobody has recorded."""
    parts: dict[str, int] = {}
    """Of outcomes: their number by code."""
    alerts: tuple[str, ...] = ()
    """Ids of the alerts behind it, the newest first."""
    most: float | None = None
    """The greatest of the nights or days."""

    @property
    def days(self) -> int:
        """Length of the period, in days."""
        return round((self.until - self.since).total_seconds() / 86_400)

    @property
    def whole(self) -> bool:
        """Whether the home could tell nearly all the time."""
        return self.known_days >= KNOWN_SHARE * self.days


def of(conn: Connection[Any], resident_id: int, now: dt.datetime) -> list[Line]:
    """The lines about a resident at a moment."""
    since = now - dt.timedelta(days=standard().risk_days)
    alerts = _alerts(conn, resident_id, since, now)
    watched = _watched(conn, resident_id, since, now)
    devices = vitals.devices(conn, resident_id)
    able = [can for row in devices if (can := serves(row["model"], row["room"])) is not None]
    channels = {code for row in devices if row["model"] in MODELS for code in MODELS[row["model"]].channels}
    return [
        _events("falls", alerts, FALL_RULES, "fall", watched[Function.FALL],
                device=any(can.falls or can.room_falls for can in able), since=since, until=now),
        _events("wandering", alerts, WANDERING_RULES, "wandering", watched[Function.LEAVING],
                device=any(can.door for can in able), since=since, until=now),
        _nights(conn, resident_id, since, now, device="in_bed" in channels),
        _steps(conn, resident_id, since, now, device="step_count" in channels),
        _outcomes(alerts, watched, since=since, until=now),
    ]  # fmt: skip


def kept(stored: dict[str, Any]) -> Line:
    """A line as it was stored with a signature."""
    return msgspec.convert(stored, Line)


def words(line: Line) -> tuple[str, str]:
    """Say a line without its label: the number, what it was counted from, and what is not known."""
    zh, en = _number_words(line)
    if line.open:
        zh += f"；另有 {line.open} 条预警未记录是否属实"
        en += f"; of {line.open} more alerts nobody recorded whether they were true"
    if not line.device and line.kind != "outcomes":
        zh += "；家中现无能感知的设备"
        en += "; no device at home could tell"
    elif not line.whole and line.number is not None:
        zh += f"；只了解其中 {line.known_days:.0f} 天"
        en += f"; known of {line.known_days:.0f} of the days alone"
    return zh, en


LABELS: dict[Kind, tuple[str, str]] = {
    "falls": ("确认跌倒", "True falls"), "wandering": ("确认走失、夜间外出未归", "Got lost, or out at night"),
    "nights": ("夜间离床", "Out of bed at night"), "steps": ("每日步数", "Steps a day"),
    "outcomes": ("预警处置结果", "Alerts and their outcomes"),
}  # fmt: skip


def _number_words(line: Line) -> tuple[str, str]:
    if line.number is None:
        return "不清楚", "unknown"
    period_zh, period_en = f"{line.days} 天内", f"in {line.days} days"
    match line.kind:
        case "nights":
            return (
                f"0–5 点离床中位数 {line.number:.0f} 分钟，最长一晚 {line.most or 0:.0f} 分钟"
                f"（{line.known_days:.0f} 晚）",
                f"between 0 and 5 o'clock {line.number:.0f} min in the middle night, {line.most or 0:.0f} min at most"
                f" (n = {line.known_days:.0f})",
            )
        case "steps":
            return (
                f"中位数 {line.number:.0f} 步（{line.known_days:.0f} 天）",
                f"{line.number:.0f} on the middle day (n = {line.known_days:.0f})",
            )
        case "outcomes":
            return f"{period_zh} {line.number:.0f} 条预警", f"{line.number:.0f} alerts {period_en}"
        case _:
            return f"{period_zh} {line.number:.0f} 次", f"{line.number:.0f} {period_en}"


_Alert = tuple[str, str, str | None, str | None, str | None]
"""Id, rule, verdict, cause, outcome."""


def _alerts(conn: Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime) -> list[_Alert]:
    """Alerts about the person that were not about a device; one incident of several alerts counts once."""
    return conn.execute(
        """
        SELECT a.id::text, a.rule, f.verdict, f.cause, a.outcome
        FROM alert a LEFT JOIN alert_finding f ON f.alert_id = a.id
        WHERE a.resident_id = %s AND a.onset >= %s AND a.onset < %s AND a.severity <> 'technical'
          AND a.merged_into IS NULL
        ORDER BY a.onset DESC
        """,
        (resident_id, since, until),
    ).fetchall()


def _events(
    kind: Kind, alerts: Sequence[_Alert], rules: tuple[str, ...], cause: str, known_s: float, *, device: bool,
    since: dt.datetime, until: dt.datetime,
) -> Line:  # fmt: skip
    true = [one[0] for one in alerts if one[2] == "true" and (one[1] in rules or one[3] == cause)]
    unsettled = sum(one[1] in rules and one[2] is None for one in alerts)
    known = known_s / 86_400
    # what was found true did happen, however little of the time is known; without any, nothing known says nothing
    number = len(true) if true or known >= 1 else None
    return Line(kind=kind, since=since, until=until, number=number, known_days=known, device=device, open=unsettled,
                alerts=tuple(true))  # fmt: skip


def _outcomes(
    alerts: Sequence[_Alert], watched: dict[Function, float], *, since: dt.datetime, until: dt.datetime
) -> Line:
    parts: dict[str, int] = {}
    for one in alerts:
        if one[4]:
            parts[one[4]] = parts.get(one[4], 0) + 1
    known = max(watched.values(), default=0.0) / 86_400
    return Line(
        kind="outcomes", since=since, until=until, number=len(alerts) if alerts or known >= 1 else None,
        known_days=known, device=known > 0, open=sum(one[4] is None for one in alerts), parts=parts,
        alerts=tuple(one[0] for one in alerts),
    )  # fmt: skip


def _watched(conn: Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime) -> dict[Function, float]:
    """Seconds of the period in which each function was covered or weak; a time in which nobody looked is unknown."""
    gaps = conn.execute(
        "SELECT since, until FROM protection_gap WHERE since < %(until)s AND until > %(since)s ORDER BY since",
        {"since": since, "until": until},
    ).fetchall()
    last = conn.execute("SELECT at FROM protection_look").fetchone()
    if last is None:
        gaps.append((since, until))
    elif last[0] < until:
        gaps.append((last[0], until))
    changes: dict[int, list[tuple[dt.datetime, Level]]] = {}
    for place, at, level in conn.execute(
        """
        (SELECT DISTINCT ON (function) function, at, level FROM protection_change
         WHERE resident_id = %(resident)s AND at < %(since)s ORDER BY function, at DESC, id DESC)
        UNION ALL
        (SELECT function, at, level FROM protection_change
         WHERE resident_id = %(resident)s AND at >= %(since)s AND at < %(until)s ORDER BY at, id)
        """,
        {"resident": resident_id, "since": since, "until": until},
    ):
        changes.setdefault(place, []).append((at, Level(level)))
    found = {}
    for place, function in enumerate(Function):
        seconds, _ = durations(sorted(changes.get(place, []), key=lambda one: one[0]), gaps, since, until)
        found[function] = seconds[Level.COVERED] + seconds[Level.WEAK]
    return found


def _nights(conn: Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime, *, device: bool) -> Line:
    """Minutes out of bed between 0 and 5 o'clock, from hourly means of the bed sensor."""
    nights: dict[dt.date, list[float]] = {}
    for at, mean in _hours(conn, resident_id, "in_bed", since, until, "avg(h.mean)"):
        here = at.astimezone(SHANGHAI)
        if NIGHT_HOURS[0] <= here.hour < NIGHT_HOURS[1]:
            nights.setdefault(here.date(), []).append(60 * (1 - min(max(mean, 0.0), 1.0)))
    out = [sum(hours) for hours in nights.values() if len(hours) >= LEAST_NIGHT_HOURS]
    return Line(
        kind="nights", since=since, until=until, number=statistics.median(out) if out else None,
        known_days=len(out), device=device, most=max(out, default=None),
    )  # fmt: skip


def _steps(conn: Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime, *, device: bool) -> Line:
    """Steps of a day: the greatest count that was told on it."""
    days: dict[dt.date, float] = {}
    for at, high in _hours(conn, resident_id, "step_count", since, until, "max(h.high)"):
        day = at.astimezone(SHANGHAI).date()
        days[day] = max(days.get(day, 0.0), high)
    return Line(
        kind="steps", since=since, until=until, number=statistics.median(days.values()) if days else None,
        known_days=len(days), device=device, most=max(days.values(), default=None),
    )  # fmt: skip


def _hours(
    conn: Connection[Any], resident_id: int, channel: str, since: dt.datetime, until: dt.datetime, figure: str
) -> list[tuple[dt.datetime, float]]:
    series = [row["id"] for row in vitals.series_of(conn, resident_id, channel)]
    if not series:
        return []
    return conn.execute(
        f"SELECT h.time, {figure} FROM reading_hours(%s::int[], %s, %s) h GROUP BY h.time",  # noqa: S608 - a constant
        (series, since, until),
    ).fetchall()
