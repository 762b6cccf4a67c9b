"""Report the indicators of each district and of the city; a district that is not heard is unknown, never quiet."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from database.city.following import joined
from database.city.judging import LATE_S
from vocabulary.alert_state import OPEN
from vocabulary.severity import GRAVE, SEVERITIES


class Indicators(msgspec.Struct, frozen=True, kw_only=True):
    """Indicators of a district, or of the city (``district`` empty).

    Present state is None where it is unknown; of the city it is the sum of the districts that are known, at least.
    Times in seconds from raised, of emergencies and urgent alerts raised in the span, None: no such alert;
    ``unanswered`` of these are open and nobody has taken them. ``false_share``: of the alerts of people with a verdict.
    """

    district: str
    name_zh: str
    name_en: str
    told_at: dt.datetime | None
    age_s: float | None
    known: bool
    people: int | None
    people_watched: int | None
    gateways: int | None
    gateways_offline: int | None
    open: dict[str, int] | None
    """By severity."""
    unanswered: int | None
    alerts: int
    acknowledged_p50_s: float | None
    acknowledged_p95_s: float | None
    on_scene_p50_s: float | None
    on_scene_p95_s: float | None
    false_share: float | None


class Report(msgspec.Struct, frozen=True):
    """``unknown``: districts that are joined and not heard; their past is in the city's figures up to ``told_at``."""

    since: dt.datetime
    until: dt.datetime
    districts: list[Indicators]
    city: Indicators
    unknown: list[str]


def report(conn: psycopg.Connection[Any], days: int, now: dt.datetime | None = None) -> Report:
    """Make the report of the last ``days`` before ``now`` (None: by the city's clock).

    ``conn``: of the reading role or any that reads the schema ``city``.
    """
    row = conn.execute("SELECT coalesce(%s, clock_timestamp())", (now,)).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    now = row[0]
    since = now - dt.timedelta(days=days)
    with conn.cursor(row_factory=dict_row) as cursor:
        now_rows = {row["district"]: row for row in cursor.execute(_NOW).fetchall()}
        past = {
            row["district"] or "": row
            for row in cursor.execute(_PAST, {"since": since, "grave": list(GRAVE)}).fetchall()
        }
    codes = sorted({*now_rows, *joined(conn)})
    districts = [_district(code, now_rows.get(code), past.get(code, {}), now) for code in codes]
    return Report(
        since, now, districts, _city(districts, past.get("", {})), [one.district for one in districts if not one.known]
    )


def _district(code: str, row: dict[str, Any] | None, past: dict[str, Any], now: dt.datetime) -> Indicators:
    told_at = row["told_at"] if row else None
    age = None if told_at is None else max(0.0, (now - told_at).total_seconds())
    known = row is not None and age is not None and age <= LATE_S
    state: dict[str, Any] = {name: row[name] if known and row else None for name in (*_COUNTS, "unanswered")}
    return Indicators(
        district=code,
        name_zh=row["name_zh"] if row else code,
        name_en=row["name_en"] if row else code,
        told_at=told_at,
        age_s=age,
        known=known,
        open={severity: row[severity] for severity in SEVERITIES} if known and row else None,
        **state,
        **_times(past),
    )


def _city(districts: Sequence[Indicators], past: dict[str, Any]) -> Indicators:
    known = [one for one in districts if one.known]
    oldest = [one.told_at for one in districts]
    told = None if None in oldest else min((at for at in oldest if at is not None), default=None)
    ages = [one.age_s for one in districts]
    counts = {name: sum(getattr(one, name) for one in known) for name in (*_COUNTS, "unanswered")}
    return Indicators(
        district="",
        name_zh="全市",
        name_en="city",
        told_at=told,
        age_s=None if None in ages else max((age for age in ages if age is not None), default=None),
        known=len(known) == len(districts),
        open={severity: sum((one.open or {})[severity] for one in known) for severity in SEVERITIES},
        **counts,
        **_times(past),
    )


def _times(past: dict[str, Any]) -> dict[str, Any]:
    acknowledged = past.get("acknowledged") or (None, None)
    on_scene = past.get("on_scene") or (None, None)
    return {
        "alerts": past.get("alerts", 0),
        "acknowledged_p50_s": acknowledged[0],
        "acknowledged_p95_s": acknowledged[1],
        "on_scene_p50_s": on_scene[0],
        "on_scene_p95_s": on_scene[1],
        "false_share": past.get("false_share"),
    }


_COUNTS = ("people", "people_watched", "gateways", "gateways_offline")
_NOW = f"""
    SELECT d.district, d.name_zh, d.name_en, d.told_at, c.*, a.*
    FROM city.district d
    CROSS JOIN LATERAL (
        SELECT {", ".join(f"coalesce(sum({name}), 0)::integer AS {name}" for name in _COUNTS)}
        FROM city.community WHERE district = d.district
    ) c
    CROSS JOIN LATERAL (
        SELECT {", ".join(f"count(*) FILTER (WHERE severity = '{one}') AS {one}" for one in SEVERITIES)},
               count(*) FILTER (WHERE acknowledged_at IS NULL AND severity IN ('{"', '".join(GRAVE)}')) AS unanswered
        FROM city.alert WHERE district = d.district AND closed_at IS NULL AND state IN ('{"', '".join(OPEN)}')
    ) a
""".encode()  # noqa: S608 - fixed words
_PAST = """
    SELECT district, count(*) AS alerts,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM acknowledged_at -
               raised_at)::float8)) FILTER (WHERE acknowledged_at IS NOT NULL AND severity = ANY (%(grave)s))
               AS acknowledged,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM on_scene_at -
               raised_at)::float8)) FILTER (WHERE on_scene_at IS NOT NULL AND severity = ANY (%(grave)s)) AS on_scene,
           count(*) FILTER (WHERE verdict = 'false' AND severity <> 'technical')::float8
               / nullif(count(*) FILTER (WHERE verdict IN ('true', 'false') AND severity <> 'technical'), 0)
               AS false_share
    FROM city.alert WHERE raised_at >= %(since)s GROUP BY GROUPING SETS ((district), ())
"""
