"""Periods by class of data: how long, by which law, what is done at the end, and what is due now.

Classes are the five of the district's plan. The page says which end by themselves; what law holds is not touched.
"""

import datetime as dt
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from database.retention import load_retention

CLASSES: Mapping[str, tuple[str, str]] = {
    "base": ("基础数据", "Base data"), "business": ("业务数据", "Business data"),
    "management": ("管理数据", "Management data"), "service": ("服务数据", "Service data"),
    "decision": ("决策数据", "Decision data"),
}  # fmt: skip


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The period of some data, as it is written down."""

    kind: str
    zh: str
    en: str
    days: str
    law_zh: str
    law_en: str
    end_zh: str
    end_en: str
    itself: bool
    due: str
    rule: str = ""
    """The code of what removes it; '': nothing does by itself."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A period with what is over it now."""

    period: Period
    days: int | None
    """None: while it is needed."""
    over: int | None
    """Rows over their period; None: not counted, or not for this account."""
    ran: "Ran | None" = None
    """Its last run; None: it has not run yet, or nothing runs."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A run: when, what it removed on that day and in a year, and what a hold kept."""

    at: dt.datetime
    removed: int | None
    """None: the database's own policies removed, and count nothing."""
    in_a_year: int
    held: int
    """Counted up to a thousand."""


class _File(msgspec.Struct, frozen=True):
    period: tuple[Period, ...]


PERIODS = msgspec.convert(tomllib.loads((files(__package__) / "retention.toml").read_text("utf-8")), _File).period
_DUE: Mapping[str, tuple[Action, LiteralString]] = {
    "copies": (
        Action.MANAGE_PRIVACY,
        "SELECT count(*) FROM person_copy WHERE state = 'done' AND expires_at <= now()",
    ),
    "research": (
        Action.VIEW_PRIVACY,
        "SELECT count(*) FROM research_export e JOIN research_project p ON p.id = e.project_id"
        " WHERE e.state IN ('done', 'empty') AND p.expires_on < (now() AT TIME ZONE 'Asia/Shanghai')::date",
    ),
    "kept": (
        Action.APPROVE_ERASURE,
        # as end_kept removes them: of whatever act, each table once
        "SELECT count(*) FROM erasure e, jsonb_array_elements(e.certificate) c WHERE e.state = 'done'"
        " AND (c ->> 'until')::date < (now() AT TIME ZONE 'Asia/Shanghai')::date AND NOT table_held(c ->> 'relation')"
        " AND NOT e.resident_id = ANY (held_residents())"
        " AND NOT e.ended ? (c ->> 'relation') AND c ->> 'relation' NOT IN ('resident', 'household')",
    ),
    "history": (
        Action.MANAGE_PRIVACY,
        "SELECT count(*) FROM (SELECT FROM record_change WHERE at < now() - interval '5 years' LIMIT 10000) x",
    ),
}

_RUNS = b"""
    SELECT DISTINCT ON (rule) rule, at, removed, held,
           sum(removed) FILTER (WHERE day > (now() AT TIME ZONE 'Asia/Shanghai')::date - 365) OVER (PARTITION BY rule)
    FROM retention_run ORDER BY rule, day DESC
"""


def periods(conn: Connection[Any], account: Account) -> list[Due]:
    """The periods with what is due now, by class. Raises NotPermittedError."""
    require(account, Action.VIEW_PRIVACY)
    kept = load_retention(conn)
    rules = dict(conn.execute("SELECT code, days FROM retention_rule").fetchall())
    runs = {
        rule: Ran(at=at, removed=removed, in_a_year=int(year or 0), held=held)
        for rule, at, removed, held, year in conn.execute(_RUNS)
    }
    named = {"raw": kept.raw_days, "minute": kept.minute_days, "hour": kept.hour_days}
    found = []
    for one in PERIODS:
        over = None
        if one.due and may_do(account, _DUE[one.due][0]):
            row = conn.execute(_DUE[one.due][1]).fetchone()
            over = int(row[0]) if row else 0
        days = named.get(one.days) or (int(one.days) if one.days else rules.get(one.rule))
        found.append(Due(period=one, days=days, over=over, ran=runs.get(one.rule)))
    return found
