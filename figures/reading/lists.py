"""The lists behind the figures: the alerts, homes, people, devices, orders or places that were counted, by pages.

They read the facts from which the sums were made, so that a list has as many lines as its figure says.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import audit, require
from care_network.errors import NotFoundError, ProvisioningError
from dispatch.sla.clock import MILESTONES
from figures.core import months
from figures.core.sections import Cell, Column
from figures.reading import cells, rows
from figures.reading.scope import LISTS, Window, below, planned_anew

MOST = 200
_BELOW, _NODE = "f.area_id = ANY(%(below)s)", "f.area_id = %(area)s"
Filters = Mapping[str, str]


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list. ``links``: the address that each line leads to, or ''. ``next``: key of the next page."""

    kind: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    links: tuple[str, ...]
    total: int
    sums: tuple[tuple[str, Cell], ...] = ()
    """Of all lines, (words, sum): what a figure in hours says."""
    next: str


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """``fact``: its table, as ``f``; ``columns``: of it, with ``inside`` joined where a filter needs that; ``group``:
    of a line that several facts make; ``key``: the columns of the order, from which a page goes on, with their types.

    ``names``: what is shown beside, of the lines of the page alone, by ``joins`` with the line as ``l``.
    """

    fact: str
    columns: str
    inside: str = ""
    group: str = ""
    key: tuple[tuple[str, str], ...]
    names: str
    joins: str
    filters: Mapping[str, Callable[[str], tuple[str, Any]]]
    show: Callable[[Window, dict[str, Any]], tuple[tuple[Cell, ...], str]]
    heads: Callable[[Window], tuple[tuple[str, bool], ...]]
    monthly: bool = True
    """Whether the facts of the window's months count, or those of the month that is named; else the latter alone."""
    node: bool = False
    """Whether its facts are sums of each node of the tree, so that those below are in them."""
    totals: str = ""
    """Of a list that is too long to be counted for each page: where its number and its hours are read, as sums."""
    hours: Mapping[str, tuple[str, str]] = {}
    """Columns in seconds that are added up over all lines, in words."""


def listing(
    conn: Connection[Any],
    account: Account,
    w: Window,
    kind: str,
    filters: Filters,
    *,
    after: str = "",
    limit: int = 50,
    origin: str = "",
) -> ListPage:
    """A page of the list behind a figure; the look is in the audit.

    Raises NotPermittedError, NotFoundError for a list that is none, ProvisioningError for a filter that cannot be.
    """
    if kind not in KINDS:
        raise NotFoundError(en="there is no such list", zh="没有这份清单", field="kind")
    require(account, LISTS[kind])
    how, limit = KINDS[kind], max(1, min(limit, MOST))
    where, values = _where(conn, w, how, filters)
    # of constants: what a reader gives is a parameter
    columns = how.columns.replace("<w>", filters.get("what", "lost"))
    whole = f"SELECT {columns} FROM {how.fact} f {how.inside} WHERE {where} {how.group}"  # noqa: S608
    with planned_anew(conn):
        added = "".join(f", sum({name})" for name in how.hours)
        summed = f"SELECT count(*){added} FROM ({whole}) i"  # noqa: S608
        if how.totals:
            summed = f"SELECT {how.totals} WHERE {where.replace(_BELOW, _NODE)}"
        total = conn.execute(summed.encode(), values).fetchone() or (0,)
    names = ", ".join(name for name, _ in how.key)
    order = ", ".join(f"{name} DESC" for name, _ in how.key)
    beyond = "true"
    if after:
        keys = after.split("~")
        if len(keys) != len(how.key):
            raise _refused("after", after)
        beyond = f"({names}) < ({', '.join(f'%(key{n})s::{sort}' for n, (_, sort) in enumerate(how.key))})"
        values |= {f"key{n}": key for n, key in enumerate(keys)}
    lines = f"SELECT * FROM ({whole}) i WHERE {beyond} ORDER BY {order} LIMIT %(limit)s"  # noqa: S608
    shown_order = ", ".join(f"l.{name} DESC" for name, _ in how.key)
    page = f"SELECT l.*, {how.names} FROM ({lines}) l {how.joins} ORDER BY {shown_order}"  # noqa: S608
    with planned_anew(conn):
        found = rows.dicts(conn, page, {**values, "limit": limit + 1})
    shown = [how.show(w, row) for row in found[:limit]]
    more = "~".join(rows.key(found[limit - 1][name]) for name, _ in how.key) if len(found) > limit else ""
    audit(
        conn, account, "view_figures_list", at=w.now, origin=origin,
        detail={
            "list": kind, "area": w.area.path, "filters": {name: str(value)[:60] for name, value in filters.items()},
            "residents": sorted({row["resident_id"] for row in found[:limit] if row.get("resident_id")}),
            "households": sorted({row["household_id"] for row in found[:limit] if row.get("household_id")}),
        },
    )  # fmt: skip
    return ListPage(
        kind=kind, columns=tuple(Column(*head) for head in how.heads(w)), lines=tuple(line for line, _ in shown),
        links=tuple(link for _, link in shown), total=total[0],
        sums=tuple(
            (w.say(*words), cells.hours(n or 0.0)) for words, n in zip(how.hours.values(), total[1:], strict=True)
        ),
        next=more,
    )  # fmt: skip


def filter_words(conn: Connection[Any], w: Window, kind: str, filters: Filters) -> list[tuple[str, str]]:
    """Say what was chosen: (name, value)."""
    return [(w.say(*rows.FILTERS[name]), rows.filter_value(conn, w, name, value)) for name, value in filters.items()]


def _where(conn: Connection[Any], w: Window, how: Kind, filters: Filters) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {**w.asked, "below": below(conn, w)}
    parts = [_NODE if how.node else _BELOW]
    named = "month" in filters or not how.monthly
    parts += ["f.month = %(month)s"] if named else ["f.month BETWEEN %(first)s AND %(last)s"]
    if named:
        try:
            values["month"] = months.parse(filters.get("month", ""))
        except ValueError:
            raise _refused("month", filters.get("month", "")) from None
    for name, value in filters.items():
        if name == "month" and "month" not in how.filters:
            continue
        if name not in how.filters:
            raise _refused(name, value)
        part, given = how.filters[name](value)
        parts.append(part)
        if given is not None:
            values[name] = given
    if ("milestone" in filters) != ("verdict" in filters):
        raise _refused("verdict", filters.get("verdict", ""))
    if how in (KINDS["people"], KINDS["households"]):
        parts.append("f.registered")
    for of, needed in (("homes", "function"), ("households", "kind"), ("households", "served")):
        if how is KINDS[of] and needed not in filters:
            raise _refused(needed, "")
    if how is KINDS["devices"]:
        parts.append("f.silent_s > 0")
    if how is KINDS["homes"]:
        parts.append(f"f.{filters.get('what', 'lost')} > 0")
    joined = " AND ".join(parts)
    if "milestone" in filters:
        joined = joined.replace("<m>", filters["milestone"])
    return joined, values


def _refused(field: str, value: str) -> ProvisioningError:
    return ProvisioningError(
        en=f"{field}: {value[:40]!r} is not possible", zh=f"查询条件有误：{value[:40]}", field=field
    )


def _one_of(name: str, column: str, *allowed: str) -> Callable[[str], tuple[str, Any]]:
    def part(value: str) -> tuple[str, Any]:
        if allowed and value not in allowed:
            raise _refused(name, value)
        return f"{column} = %({name})s", value

    return part


def _home(value: str) -> tuple[str, Any]:
    return "f.household_id = (SELECT id FROM household WHERE code = %(home)s AND NOT synthetic)", value


def _staff(value: str) -> tuple[str, Any]:
    return "f.staff_id = (SELECT id FROM staff WHERE code = %(staff)s)", value


def _ending(value: str) -> tuple[str, Any]:
    if value == "judged":
        return "f.ending IN ('true', 'false')", None
    return "f.ending = %(ending)s", value


def _milestone(value: str) -> tuple[str, Any]:
    if value not in MILESTONES:
        raise _refused("milestone", value)
    return "true", None


_WAITS = "(f.<m>_is = 'pending' OR f.<m>_is = 'missed' AND ('<m>' <> 'on_scene' OR f.ending = 'open'))"


def _verdict(value: str) -> tuple[str, Any]:
    parts = {
        "due": "f.<m>_is IN ('met', 'late', 'missed')",
        "reached": "f.<m>_s IS NOT NULL",
        "waiting": f"f.<m>_s IS NULL AND {_WAITS}",
        "counted": f"(f.<m>_s IS NOT NULL OR {_WAITS})",
    }
    if value in parts:
        return parts[value], None
    if value not in ("met", "late", "missed", "pending"):
        raise _refused("verdict", value)
    return "f.<m>_is = %(verdict)s", value


def _grade(value: str) -> tuple[str, Any]:
    return "f.grade = %(grade)s", "" if value == "none" else value


def _truth(name: str, column: str) -> Callable[[str], tuple[str, Any]]:
    def part(value: str) -> tuple[str, Any]:
        if value not in ("0", "1"):
            raise _refused(name, value)
        return f"{column} = %({name})s", value == "1"

    return part


def _function(value: str) -> tuple[str, Any]:
    if not re.fullmatch("[0-6]", value):
        raise _refused("function", value)
    return "true", int(value) + 1


def _what(value: str) -> tuple[str, Any]:
    if value not in rows.HOURS:
        raise _refused("what", value)
    return "true", None


def _watched(value: str) -> tuple[str, Any]:
    if value == "known":
        return "f.watched <> 'unknown'", None
    return _one_of("watched", "f.watched", "watched", "unknown", "blind")(value)


def _served(value: str) -> tuple[str, Any]:
    _truth("served", "")(value)
    return _SERVED, value == "1"


def _kind(value: str) -> tuple[str, Any]:
    return "true", _one_of("kind", "", "street", "community")(value)[1]


_SERVED = (
    "f.area_id IN (SELECT leaf.id FROM figure_place p JOIN area t ON t.id = p.area_id JOIN area leaf ON"
    " leaf.path <@ t.path WHERE p.month = %(month)s AND p.kind = %(kind)s AND p.served = %(served)s"
    " AND p.area_id = ANY(%(below)s))"
)


_HOME = "JOIN household h ON h.id = l.household_id AND NOT h.synthetic JOIN area leaf ON leaf.id = h.area_id"
_PLACE = "h.code AS home, h.address_zh, h.address_en, leaf.name_zh AS area_zh, leaf.name_en AS area_en"
_WHO = "(SELECT code FROM resident WHERE household_id = l.household_id ORDER BY code LIMIT 1) AS resident"
_SERVICE = "extract(epoch FROM m.until - f.since)::float8"
_DEVICE_HOURS = {
    "expected": ("应在线小时合计", "hours in service in all"), "silent": ("失联小时合计", "hours silent in all"),
    "unknown": ("不明小时合计", "hours not known in all"),
}  # fmt: skip
KINDS: Mapping[str, Kind] = {
    "alerts": Kind(
        fact="figure_alert", columns="f.*", key=(("raised_at", "timestamptz"), ("alert_id", "uuid")),
        names=f"{_PLACE}, r.code AS resident, r.id AS resident_id, r.name_zh, r.name_en, u.name_zh AS rule_zh,"
        " u.name_en AS rule_en",
        joins=f"{_HOME} JOIN alert a ON a.id = l.alert_id LEFT JOIN resident r ON r.id = a.resident_id"
        " LEFT JOIN figure_rule u ON u.rule = l.rule",
        filters={
            "rule": _one_of("rule", "f.rule"), "severity": _one_of("severity", "f.severity"),
            "model": _one_of("model", "f.model"), "home": _home, "ending": _ending, "milestone": _milestone,
            "verdict": _verdict, "grade": _grade,
        },
        show=rows.alert, heads=rows.alert_heads,
    ),
    "people": Kind(
        fact="figure_person", columns="f.resident_id, f.household_id, f.grade, f.bed, f.watched", monthly=False,
        key=(("resident_id", "int"),), names=f"{_PLACE}, r.code AS resident, r.name_zh, r.name_en",
        joins=f"{_HOME} JOIN resident r ON r.id = l.resident_id",
        filters={
            "grade": _grade, "watched": _watched,
            "bed": _truth("bed", "f.bed"),
        },
        show=rows.person, heads=rows.person_heads,
    ),
    "homes": Kind(
        fact="(SELECT month, household_id, area_id, max(lost_s[%(function)s]) AS lost, max(bare_s[%(function)s]) AS"
        " bare, max(unknown_s[%(function)s]) AS unknown FROM figure_person GROUP BY 1, 2, 3)",
        key=(("most", "float8"), ("household_id", "int")),
        columns="f.household_id, sum(f.lost) AS lost, sum(f.bare) AS bare, sum(f.unknown) AS unknown,"
        " sum(f.<w>) AS most",
        group="GROUP BY f.household_id", names=f"{_PLACE}, {_WHO}", joins=_HOME,
        filters={"function": _function, "what": _what}, show=rows.home, heads=rows.home_heads,
        hours={"lost": ("失去守护小时合计", "hours lost in all"),
               "bare": ("从未配置小时合计", "hours never equipped in all"),
               "unknown": ("不明小时合计", "hours not known in all")},
    ),
    "households": Kind(
        fact="figure_person", columns="f.household_id, count(*) AS residents", group="GROUP BY f.household_id",
        key=(("household_id", "int"),), names=f"{_PLACE}, {_WHO}", joins=_HOME, monthly=False,
        filters={"kind": _kind, "served": _served}, show=rows.household, heads=rows.household_heads,
    ),
    "devices": Kind(
        fact="figure_device", key=(("silent", "float8"), ("device_id", "int")),
        inside="JOIN figure_month m ON m.month = f.month",
        columns=f"f.device_id, f.household_id, f.model, sum(f.silent_s) AS silent, sum({_SERVICE}) AS expected,"
        f" sum(CASE WHEN f.never THEN {_SERVICE} ELSE f.unknown_s END) AS unknown",
        group="GROUP BY f.device_id, f.household_id, f.model", names=f"d.name, d.room, {_PLACE}, {_WHO}",
        joins=f"{_HOME} JOIN device d ON d.id = l.device_id",
        filters={"model": _one_of("model", "f.model")},
        show=rows.device, heads=rows.device_heads, hours=_DEVICE_HOURS,
    ),
    "month_devices": Kind(
        fact="figure_device", key=(("silent", "float8"), ("device_id", "int")), monthly=False,
        inside="JOIN figure_month m ON m.month = f.month",
        columns=f"f.device_id, f.household_id, f.model, f.silent_s AS silent, {_SERVICE} AS expected,"
        f" CASE WHEN f.never THEN {_SERVICE} ELSE f.unknown_s END AS unknown",
        names=f"d.name, d.room, {_PLACE}, {_WHO}", joins=f"{_HOME} JOIN device d ON d.id = l.device_id",
        filters={"model": _one_of("model", "f.model")}, show=rows.device, heads=rows.device_heads,
        hours=_DEVICE_HOURS, totals="coalesce(sum(f.devices), 0)::int, sum(f.expected_s), sum(f.silent_s),"
        " sum(f.unknown_s) FROM figure_model f",
    ),
    "device_months": Kind(
        fact="figure_model", key=(("month", "date"),), node=True,
        columns="f.month, CASE WHEN count(*) = 1 THEN min(f.model) END AS model, sum(f.devices)::int AS devices,"
        " sum(f.expected_s) AS expected, sum(f.silent_s) AS silent, sum(f.unknown_s) AS unknown",
        group="GROUP BY f.month", names="l.month", joins="",
        filters={"model": _one_of("model", "f.model")},
        show=rows.device_month, heads=rows.device_month_heads, hours=_DEVICE_HOURS,
    ),
    "staff": Kind(
        fact="figure_worker", key=(("night_calls", "int"), ("orders", "int"), ("staff_id", "int")),
        columns="f.staff_id, f.area_id, sum(f.orders)::int AS orders, sum(f.duty_s) AS duty,"
        " sum(f.night_calls)::int AS night_calls",
        group="GROUP BY f.staff_id, f.area_id",
        names="s.code AS staff, s.name_zh, s.name_en, leaf.name_zh AS area_zh, leaf.name_en AS area_en",
        joins="JOIN staff s ON s.id = l.staff_id JOIN area leaf ON leaf.id = l.area_id",
        filters={"staff": _staff}, show=rows.worker, heads=rows.worker_heads,
    ),
    "orders": Kind(
        fact="figure_worker", key=(("done_at", "timestamptz"), ("number", "bigint")),
        columns="o.id, o.number, o.done_at, o.service, o.household_id, o.resident_id, f.staff_id",
        # the bounds as columns: an index is asked only for what cannot leak another viewer's rows (leakproof)
        inside="JOIN (SELECT month, people_at, month::timestamp AT TIME ZONE 'Asia/Shanghai' AS begins,"
        " (month + INTERVAL '1 month') AT TIME ZONE 'Asia/Shanghai' AS ends FROM figure_month OFFSET 0) m"
        " ON m.month = f.month JOIN work_order o ON o.staff_id = f.staff_id AND o.state = 'done'"
        " AND o.done_at >= m.begins AND o.done_at < m.ends AND o.done_at < m.people_at"
        " JOIN household oh ON oh.id = o.household_id AND NOT oh.synthetic",
        names=f"s.name_zh, s.name_en, {_PLACE}", joins=f"{_HOME} JOIN staff s ON s.id = l.staff_id",
        filters={"staff": _staff}, show=rows.order, heads=rows.order_heads,
    ),
    "places": Kind(
        fact="figure_place", columns="f.area_id, f.homes, f.served, f.kind", monthly=False,
        key=(("homes", "int"), ("area_id", "int")), names="leaf.name_zh AS area_zh, leaf.name_en AS area_en",
        joins="JOIN area leaf ON leaf.id = l.area_id",
        filters={"kind": _one_of("kind", "f.kind", "street", "community"), "served": _truth("served", "f.served")},
        show=rows.place, heads=rows.place_heads,
    ),
}  # fmt: skip
