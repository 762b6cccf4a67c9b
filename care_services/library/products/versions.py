"""A device model by the version of its own program: how many run it, and how they did since they tell it.

A device tells one version at a time. Months that began after it was first told are wholly on it, and only those are
counted. An alert names the model and the home: it counts where all devices of the model in that home run one version.
"""

import datetime as dt

import msgspec
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.upkeep.recent import Recent
from care_services.core.connected import Connected
from care_services.library.products.products import BATTERY_LOW, FOR_S, LEAST_DEVICE_MONTHS, LEAST_SEEN, MONTH_S, MONTHS


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


def by_version(acting: Connected, model: str) -> list[OfVersion]:
    """The versions that devices of a model in the account's area run, the most devices first."""
    acting.require(Action.VIEW_CARE)
    first = acting.today.replace(day=1)
    months = first.year * 12 + first.month - 1 - MONTHS
    with acting.conn.cursor(row_factory=class_row(OfVersion)) as cursor:
        return cursor.execute(
            """
            WITH run AS MATERIALIZED (
                SELECT d.device_id AS id, d.household_id, f.version, f.told_at, n.battery,
                       coalesce(date_trunc('month', f.told_at AT TIME ZONE 'Asia/Shanghai') + interval '1 month',
                                'infinity')::date AS whole
                FROM devices_in_use(%(area)s::ltree, %(model)s) d
                LEFT JOIN device_firmware f ON f.device_id = d.device_id
                LEFT JOIN device_now n ON n.device_id = d.device_id),
            span AS MATERIALIZED (
                SELECT m::date AS month, date_part('epoch', m AT TIME ZONE 'Asia/Shanghai') AS begins_s,
                       date_part('epoch', least((m + interval '1 month') AT TIME ZONE 'Asia/Shanghai', %(now)s))
                           AS ends_s
                FROM generate_series(%(since)s::timestamp, %(today)s::timestamp, interval '1 month') m),
            heard AS (
                SELECT r.version, sum(s.ends_s - greatest(date_part('epoch', m.since), s.begins_s)) AS expected_s,
                       sum(m.silent_s) AS silent_s,
                       sum(CASE WHEN m.never THEN s.ends_s - greatest(date_part('epoch', m.since), s.begins_s)
                           ELSE m.unknown_s END) AS unknown_s
                FROM run r JOIN figure_device m ON m.device_id = r.id AND m.model = %(model)s
                    AND m.month >= %(since)s AND m.month >= r.whole
                JOIN span s ON s.month = m.month
                GROUP BY r.version),
            home AS (
                SELECT household_id, min(version) AS version, max(whole) AS whole FROM run GROUP BY household_id
                HAVING count(*) = count(version) AND count(DISTINCT version) = 1),
            told AS (
                SELECT o.version, (count(*) FILTER (WHERE f.ending = 'false'))::integer AS false_alerts,
                       (count(*) FILTER (WHERE f.rule = 'battery_low'))::integer AS low_battery_alerts
                FROM home o JOIN figure_alert f ON f.household_id = o.household_id AND f.model = %(model)s
                    AND f.month >= %(since)s AND f.month >= o.whole
                GROUP BY o.version)
            SELECT r.version, (min(r.told_at) AT TIME ZONE 'Asia/Shanghai')::date AS since,
                   count(*)::integer AS devices,
                   (count(*) FILTER (WHERE r.battery <= %(low)s))::integer AS low_now,
                   count(r.battery)::integer AS battery_known, coalesce(max(h.expected_s), 0) AS expected_s,
                   coalesce(max(h.silent_s), 0) AS silent_s, coalesce(max(h.unknown_s), 0) AS unknown_s,
                   coalesce(max(t.false_alerts), 0) AS false_alerts,
                   coalesce(max(t.low_battery_alerts), 0) AS low_battery_alerts
            FROM run r LEFT JOIN heard h ON h.version = r.version LEFT JOIN told t ON t.version = r.version
            GROUP BY r.version ORDER BY r.version IS NULL, count(*) DESC, r.version DESC LIMIT 20
            """,
            {
                "model": model, "area": acting.account.area_path, "now": acting.now, "low": BATTERY_LOW,
                "today": acting.today,
                "since": dt.date(months // 12, months % 12 + 1, 1),
            },
        ).fetchall()  # fmt: skip
