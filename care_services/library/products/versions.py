"""A device model by the version of its own program: how many run it, and how they did since they tell it.

A device tells one version at a time. A month counts for a version where the device ran it from the month's first moment
to its last; it stays counted when the device goes on to another one. An alert names the model and the home: it counts
where all devices of the model in that home ran one version in that month. The sums are ``figure_version``.
"""

import datetime as dt
from typing import LiteralString

import msgspec
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.upkeep.recent import Recent
from care_services.core.connected import Connected
from care_services.library.products.products import (
    BATTERY_LOW,
    FOR_S,
    LEAST_DEVICE_MONTHS,
    LEAST_SEEN,
    MONTH_S,
    MONTHS,
    running_at,
)


class OfVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model's program, in the account's area. ``version`` None: the devices have told none."""

    version: str | None
    since: dt.date | None
    """When the first of the devices told it."""
    devices: int
    low_now: int
    battery_known: int
    expected_s: float
    """In whole months on this version."""
    silent_s: float
    unknown_s: float
    false_alerts: int
    low_battery_alerts: int

    @property
    def device_months(self) -> float:
        """That the figures are of."""
        return self.expected_s / MONTH_S

    @property
    def enough(self) -> bool:
        """Whether there are device-months enough for a rate."""
        return self.version is not None and self.device_months >= LEAST_DEVICE_MONTHS

    @property
    def false_rate(self) -> float | None:
        """False alarms a device-month; None: unknown."""
        return self.false_alerts / self.device_months if self.enough else None

    @property
    def silent_share(self) -> float | None:
        """Of the time that could be judged, the part in which it was silent; None: unknown."""
        seen = self.expected_s - self.unknown_s
        if not self.enough or seen / self.expected_s < LEAST_SEEN:
            return None
        return min(1.0, self.silent_s / seen)


_COUNTED: Recent[list[OfVersion]] = Recent(FOR_S)


def recent(acting: Connected, model: str) -> list[OfVersion]:
    """Give what :func:`by_version` gives, up to FOR_S old."""
    acting.require(Action.VIEW_CARE)
    key = f"{acting.conn.info.dbname} {acting.account.area_path} {model}"
    return _COUNTED.of(key, lambda: by_version(acting, model))


_LIVE: LiteralString = """
    SELECT f.version, min(f.told_at) AS told_at, count(*)::integer AS devices,
           (count(*) FILTER (WHERE n.battery <= %(low)s))::integer AS low_now,
           count(n.battery)::integer AS battery_known
    FROM devices_in_use(%(area)s::ltree, %(model)s) d
    LEFT JOIN device_firmware f ON f.device_id = d.device_id LEFT JOIN device_now n ON n.device_id = d.device_id
    GROUP BY f.version
"""
_SUMMED: LiteralString = """
    SELECT nullif(version, '') AS version, told_at, devices, low_now, battery_known FROM figure_running
    WHERE area_id IN (SELECT id FROM mine) AND model = %(model)s AND of_version
"""
_BY_VERSION: LiteralString = """
    WITH mine AS MATERIALIZED (SELECT id FROM area WHERE path = %(area)s::ltree),
    run AS (RUN),
    heard AS (
        SELECT version, sum(expected_s) AS expected_s, sum(silent_s) AS silent_s, sum(unknown_s) AS unknown_s,
               sum(false_alerts)::integer AS false_alerts, sum(low_battery_alerts)::integer AS low_battery_alerts
        FROM figure_version WHERE area_id IN (SELECT id FROM mine) AND model = %(model)s AND month >= %(since)s
        GROUP BY version)
    SELECT coalesce(r.version, h.version) AS version, (r.told_at AT TIME ZONE 'Asia/Shanghai')::date AS since,
           coalesce(r.devices, 0) AS devices, coalesce(r.low_now, 0) AS low_now,
           coalesce(r.battery_known, 0) AS battery_known, coalesce(h.expected_s, 0) AS expected_s,
           coalesce(h.silent_s, 0) AS silent_s, coalesce(h.unknown_s, 0) AS unknown_s,
           coalesce(h.false_alerts, 0) AS false_alerts, coalesce(h.low_battery_alerts, 0) AS low_battery_alerts
    FROM run r FULL JOIN heard h ON h.version = r.version
    ORDER BY coalesce(r.version, h.version) IS NULL, coalesce(r.devices, 0) DESC, coalesce(r.version, h.version) DESC
    LIMIT 20
"""


def by_version(acting: Connected, model: str) -> list[OfVersion]:
    """The versions that devices of a model in the account's area run or ran, those with the most devices first.

    Whole months of before are sums of the figures' refresh; what runs now is, too, where that was lately.
    """
    acting.require(Action.VIEW_CARE)
    first = acting.today.replace(day=1)
    months = first.year * 12 + first.month - 1 - MONTHS
    query = _BY_VERSION.replace("RUN", _LIVE if running_at(acting) is None else _SUMMED)
    with acting.conn.cursor(row_factory=class_row(OfVersion)) as cursor:
        return cursor.execute(
            query,
            {
                "model": model, "area": acting.account.area_path, "low": BATTERY_LOW,
                "since": dt.date(months // 12, months % 12 + 1, 1),
            },
        ).fetchall()  # fmt: skip
