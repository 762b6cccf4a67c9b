# ruff: noqa: S608 - of constants
"""The figures of the map of five in one: one cheap number for each page, each within a bound of time.

A number that was not counted (nothing counts it, no right to it, or its time was over) is unknown, never zero.
"""

import datetime as dt
import time
from collections.abc import Collection, Mapping
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.below import AREAS, people_below
from care_network.upkeep.recent import Recent
from vocabulary.times import SHANGHAI

FOR_S = 60.0
"""Seconds for which the numbers of an area are kept."""
ONE_MS, ALL_S = 250, 1.5
"""The bounds of one number and of all of them; what is not counted by then is unknown."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A number about a page's matter, and what it counts. ``n`` None: unknown."""

    zh: str
    en: str
    n: int | None


class _Count(msgspec.Struct, frozen=True):
    zh: str
    en: str
    query: LiteralString


_RESIDENT: LiteralString = people_below("x.resident_id")
_MONTH: LiteralString = "(SELECT max(month) FROM figure_model)"
COUNTS: Mapping[str, _Count] = {
    "/care": _Count("位在册老人", "residents", f"SELECT sum(residents) FROM protection_total WHERE area_id IN {AREAS}"),
    "/care/assessments": _Count(
        "项待完成", "under way",
        f"SELECT count(*) FROM assessment x WHERE x.state IN ('draft', 'signed', 'objected') AND {_RESIDENT}",
    ),
    "/care/beds": _Count(
        "张在服务", "in service", f"SELECT count(*) FROM home_bed x WHERE x.state = 'in_service' AND {_RESIDENT}"
    ),
    "/care/grants": _Count(
        "件待核定", "to be decided",
        f"SELECT count(*) FROM grant_application x WHERE x.state = 'waiting' AND {_RESIDENT}",
    ),
    "/care/requests": _Count(
        "件待答复", "to be answered",
        f"SELECT count(*) FROM service_request x WHERE x.state IN ('asked', 'station') AND {_RESIDENT}",
    ),
    "/care/meals": _Count(
        "份今日订餐", "meals today",
        "SELECT count(*) FROM meal_order x JOIN organisation o ON o.id = x.canteen_id"
        f" WHERE x.day = %(today)s AND x.state <> 'cancelled' AND o.area_id IN {AREAS}",
    ),
    "/care/rules": _Count(
        "类已由本区设定", "set by the district", "SELECT count(DISTINCT subject) FROM rule_book"
    ),
    "/records/resident": _Count(
        "位在册老人", "residents", f"SELECT sum(residents) FROM protection_total WHERE area_id IN {AREAS}"
    ),
    "/care/registers": _Count(
        "行待认定", "lines to decide on",
        "SELECT count(*) FROM register_line l JOIN register_import i ON i.id = l.import_id"
        " WHERE l.settled_at IS NULL AND i.area_path <@ %(area)s::ltree",
    ),
    "/care/workforce": _Count(
        "位在岗人员", "people at work",
        f"SELECT count(*) FROM staff s JOIN organisation o ON o.id = s.organisation_id"
        f" WHERE s.active AND o.area_id IN {AREAS}",
    ),
    "/care/products": _Count(
        "个型号在用", "models in use",
        f"SELECT nullif(count(DISTINCT model), 0) FROM figure_model WHERE month = {_MONTH} AND area_id = %(node)s",
    ),
    "/care/data": _Count(
        "张数据表", "tables",
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition",
    ),
    "/care/left": _Count(
        "位已离开", "are gone",
        f"SELECT count(*) FROM resident_leaving x WHERE x.back_at IS NULL AND {_RESIDENT}",
    ),
    "/care/reports": _Count(
        "个数据包待发送", "packages wait",
        "SELECT count(*) FROM report_package WHERE state = 'waiting' AND area_path <@ %(area)s::ltree",
    ),
    "/care/consents": _Count(
        "项对外同意有效", "consents to other systems",
        f"SELECT count(*) FROM exchange_consent x WHERE x.withdrawn_at IS NULL AND {_RESIDENT}",
    ),
    "/care/documents": _Count(
        "份文件有效", "documents",
        "SELECT count(*) FROM library_document WHERE retired_at IS NULL"
        " AND (area @> %(area)s::ltree OR area <@ %(area)s::ltree)",
    ),
    "/machines": _Count(
        "个外部系统", "other systems",
        "SELECT count(*) FROM account WHERE role = 'machine' AND active AND area_path <@ %(area)s::ltree",
    ),
    "/": _Count(
        "条未办结预警", "open alerts",
        "SELECT count(*) FROM alert a JOIN household h ON h.id = a.household_id AND NOT h.synthetic"
        f" WHERE a.state NOT IN ('resolved', 'cancelled', 'cleared') AND h.area_id IN {AREAS}",
    ),
    "/protection": _Count(
        "位老人在守护名册", "residents looked after",
        f"SELECT sum(residents) FROM protection_total WHERE area_id IN {AREAS}",
    ),
    "/care/visits": _Count(
        "次今日上门", "visits today",
        f"SELECT coalesce(sum(planned), 0) FROM service_tally WHERE day = %(today)s AND area_id IN {AREAS}",
    ),
    "/care/quality": _Count(
        "个问题待整改", "findings open",
        "SELECT count(*) FROM quality_finding WHERE state <> 'closed' AND area_path <@ %(area)s::ltree",
    ),
    "/care/complaints": _Count(
        "件投诉待答复", "complaints open",
        "SELECT count(*) FROM complaint WHERE state = 'open' AND area_path <@ %(area)s::ltree",
    ),
    "/orders": _Count(
        "张工单未完成", "work orders open",
        "SELECT count(*) FROM work_order w JOIN household h ON h.id = w.household_id AND NOT h.synthetic"
        f" WHERE w.state NOT IN ('done', 'cancelled') AND h.area_id IN {AREAS}",
    ),
    "/devices": _Count(
        "台在用设备（本月）", "devices, this month",
        f"SELECT sum(devices) FROM figure_model WHERE month = {_MONTH} AND area_id = %(node)s",
    ),
    "/care/compared": _Count(
        "次本月已完成", "visits done this month",
        "SELECT coalesce(sum(done), 0) FROM service_tally"
        f" WHERE day >= %(month)s AND day <= %(today)s AND area_id IN {AREAS}",
    ),
    "/care/settlements": _Count(
        "份结算单", "settlements",
        f"SELECT count(*) FROM settlement s JOIN organisation o ON o.id = s.organisation_id WHERE o.area_id IN {AREAS}",
    ),
    "/decisions": _Count("个月已统计", "months counted", "SELECT count(*) FROM figure_month"),
    "/map": _Count(
        "个区域有边界", "areas with an outline", f"SELECT count(*) FROM area_outline WHERE area_id IN {AREAS}"
    ),
    "/policies": _Count(
        "个呼叫策略", "policies", "SELECT nullif(count(DISTINCT code), 0) FROM escalation_policy WHERE active"
    ),
    "/sla": _Count(
        "次超时（30 天）", "missed in 30 days",
        "SELECT count(*) FROM sla_breach b JOIN alert a ON a.id = b.alert_id"
        " JOIN household h ON h.id = a.household_id AND NOT h.synthetic"
        f" WHERE b.noticed_at > %(now)s - interval '30 days' AND h.area_id IN {AREAS}",
    ),
}  # fmt: skip
"""By the page's address. A page without an entry says that nothing is counted for it."""
_KEPT: Recent[tuple[dt.datetime, dict[str, Counted]]] = Recent(FOR_S)


def counted(
    conn: Connection[Any], account: Account, addresses: Collection[str], now: dt.datetime
) -> tuple[dt.datetime, dict[str, Counted]]:
    """The numbers of the pages that the account may open (``addresses``), of its area, and when they were counted."""
    key = f"{conn.info.dbname} {account.area_path} {account.role} {sorted(addresses)}"
    return _KEPT.of(key, lambda: (now, _count(conn, account, addresses, now)))


def _count(conn: Connection[Any], account: Account, addresses: Collection[str], now: dt.datetime) -> dict[str, Counted]:
    today = now.astimezone(SHANGHAI).date()
    row = conn.execute("SELECT id FROM area WHERE path = %s::text::ltree", (account.area_path,)).fetchone()
    asks = {
        "area": account.area_path, "node": row and row[0], "today": today, "month": today.replace(day=1), "now": now,
    }  # fmt: skip
    ends = time.monotonic() + ALL_S
    return {
        address: Counted(zh=one.zh, en=one.en, n=_one(conn, one.query, asks) if time.monotonic() < ends else None)
        for address, one in COUNTS.items()
        if address in addresses
    }


def _one(conn: Connection[Any], query: LiteralString, asks: Mapping[str, Any]) -> int | None:
    try:
        with conn.transaction():
            before = conn.execute("SELECT current_setting('statement_timeout')").fetchone()
            conn.execute("SELECT set_config('statement_timeout', %s, true)", (str(ONE_MS),))
            row = conn.execute(query, asks).fetchone()
            conn.execute("SELECT set_config('statement_timeout', %s, true)", before)
    except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege):
        return None
    return None if row is None or row[0] is None else int(row[0])
