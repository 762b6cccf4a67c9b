"""Search closed alerts, the newest end first, in pages by key: as quick on page 1,000 as on page 1."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.errors import NotPermittedError, ProvisioningError
from care_network.search.pinyin import by_name
from dispatch.alerts.outcomes import OUTCOMES
from dispatch.alerts.states import CLOSED
from dispatch.core.headline import headline, place
from dispatch.desk import procedures
from vocabulary.alert_state import AlertState
from vocabulary.area_path import within
from vocabulary.severity import SEVERITIES, Severity

MOST = 200
"""Rows of a page at most."""
FEW_HOMES = 300
"""Up to so many homes are looked up by themselves; more are filtered out of the list."""


class ClosedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of a search; empty: everything."""

    states: tuple[AlertState, ...] = ()
    severities: tuple[Severity, ...] = ()
    rule: str = ""
    kind: str = ""
    """Code of a procedure card: the rules that it is for."""
    area: str = ""
    """Path: below it."""
    words: str = ""
    """Of the resident's name or code, the home's code or address."""
    owner_id: int | None = None
    outcome: str = ""
    since: dt.datetime | None = None
    """Closed at this time or later."""
    until: dt.datetime | None = None
    """Closed before this time."""


class ClosedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list."""

    id: uuid.UUID
    rule: str
    severity: Severity
    state: AlertState
    headline_zh: str
    headline_en: str
    place_zh: str
    place_en: str
    household_id: int
    household_code: str
    resident_id: int | None
    resident_code: str | None
    resident_zh: str | None
    resident_en: str | None
    resident_age: int | None
    outcome: str | None
    outcome_zh: str
    outcome_en: str
    owner_zh: str
    owner_en: str
    raised_at: dt.datetime
    closed_at: dt.datetime
    merged_into: uuid.UUID | None


class ClosedPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list. ``next``: the key of the page after it; empty: this is the last."""

    alerts: tuple[ClosedAlert, ...]
    next: str


def search(
    conn: psycopg.Connection[Any], account: Account, wanted: ClosedFilter, *, after: str = "", limit: int = 50
) -> ClosedPage:
    """Search the closed alerts of the homes in the account's area; ``after``: the key of a page.

    Raises NotPermittedError for an account without an area (the family sees its own on its pages), ProvisioningError
    for a filter that cannot be.
    """
    require(account, Action.VIEW_ALERTS)
    if account.area_path is None:
        raise NotPermittedError(en="there is no area to search in", zh="该账号没有管辖区域，不能查询")
    _check(wanted)
    area = wanted.area or account.area_path
    limit = max(1, min(limit, MOST))
    if not within(area, account.area_path):
        return ClosedPage(alerts=(), next="")
    where, values = _where(conn, wanted, area)
    if after:
        where.append("(a.closed_at, a.id) < (%(after_at)s, %(after_id)s)")
        values["after_at"], values["after_id"] = _read_key(after)
    query = _ROWS.replace("<where>", " AND ".join(where))
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, {**values, "limit": limit + 1}).fetchall()
    shown = rows[:limit]
    return ClosedPage(
        alerts=tuple(_line(row) for row in shown),
        next=_key(shown[-1]["closed_at"], shown[-1]["id"]) if len(rows) > limit else "",
    )


def owners(conn: psycopg.Connection[Any], account: Account) -> list[tuple[int, str, str]]:
    """List the accounts of the area that can own alerts, for a choice: (id, Chinese name, English name)."""
    found: list[tuple[str, int, str, str]] = conn.execute(
        "SELECT role, id, name_zh, name_en FROM account WHERE role IN ('dispatcher', 'lead', 'carer', 'station')"
        " AND area_path <@ %s::text::ltree",
        (account.area_path,),
    ).fetchall()
    found.sort(key=lambda row: by_name(row[2]))
    found.sort(key=lambda row: row[0], reverse=True)
    return [row[1:] for row in found]


def _check(wanted: ClosedFilter) -> None:
    def refuse(field: str, value: str) -> ProvisioningError:
        return ProvisioningError(en=f"{field}: {value!r} is not possible", zh=f"查询条件有误：{value}", field=field)

    for state in wanted.states:
        if state not in CLOSED:
            raise refuse("state", state)
    for severity in wanted.severities:
        if severity not in SEVERITIES:
            raise refuse("severity", severity)
    if wanted.outcome and wanted.outcome not in OUTCOMES:
        raise refuse("outcome", wanted.outcome)
    if wanted.kind and wanted.kind not in procedures.all_cards():
        raise refuse("kind", wanted.kind)
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise refuse("until", f"{wanted.until:%F}")


def _where(conn: psycopg.Connection[Any], wanted: ClosedFilter, area: str) -> tuple[list[str], dict[str, Any]]:
    where, values = ["a.closed_at IS NOT NULL", "NOT h.synthetic"], dict[str, Any]()
    homes = _homes(conn, area, wanted.words)
    if homes is not None:
        where.append("a.household_id = ANY(%(homes)s)")
        values["homes"] = homes
    else:
        where.append("ar.path <@ %(area)s::text::ltree")
        values["area"] = area
    if wanted.words:
        where.append(_WORDS)
        values |= {"like": _like(wanted.words), "words": wanted.words.strip()}
    if wanted.kind:
        of_kind, more = _of_kind(wanted.kind)
        where.append(of_kind)
        values |= more
    for column, value in (("rule", wanted.rule), ("outcome", wanted.outcome), ("owner_id", wanted.owner_id)):
        if value not in ("", None):
            where.append(f"a.{column} = %({column})s")
            values[column] = value
    for column, several in (("state", wanted.states), ("severity", wanted.severities)):
        if several:
            where.append(f"a.{column} = ANY(%({column})s)")
            values[column] = list(several)
    if wanted.since:
        where.append("a.closed_at >= %(since)s")
        values["since"] = wanted.since
    if wanted.until:
        where.append("a.closed_at < %(until)s")
        values["until"] = wanted.until
    return where, values


def _of_kind(code: str) -> tuple[str, dict[str, Any]]:
    """The alerts for which the card is the first that fits."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, (name, card) in enumerate(procedures.all_cards().items()):
        values |= {
            f"rules{number}": [rule.replace("_", r"\_").replace("*", "%") for rule in card.rules],
            f"grave{number}": list(card.severities or SEVERITIES),
        }
        fits = f"(a.rule LIKE ANY(%(rules{number})s) AND a.severity = ANY(%(grave{number})s))"
        if name == code:
            parts.append(fits)
            break
        parts.append(f"NOT {fits}")
    return " AND ".join(parts), values


def _homes(conn: psycopg.Connection[Any], area: str, words: str) -> list[int] | None:
    """Ids of the homes to look into; None: so many that the whole list is read."""
    query = "SELECT h.id FROM household h JOIN area ar ON ar.id = h.area_id WHERE ar.path <@ %(area)s::text::ltree"
    values: dict[str, Any] = {"area": area, "most": FEW_HOMES + 1}
    if words.strip():
        query += (
            f" AND EXISTS (SELECT FROM (SELECT h.*) home LEFT JOIN resident r ON r.household_id = h.id WHERE {_WORDS})"
        )
        values |= {"like": _like(words), "words": words.strip()}
    rows = conn.execute(f"{query} AND NOT h.synthetic LIMIT %(most)s", values).fetchall()
    return None if len(rows) > FEW_HOMES else [row[0] for row in rows]


def _like(words: str) -> str:
    escaped = words.strip().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def _line(row: dict[str, Any]) -> ClosedAlert:
    headline_zh, headline_en = headline(row["rule"], row["severity"], row["evidence"])
    place_zh, place_en = place((row["area_zh"], row["area_en"]), (row["address_zh"], row["address_en"]))
    outcome = OUTCOMES.get(row["outcome"] or "")
    plain = {name: row[name] for name in ClosedAlert.__struct_fields__ if name in row}
    return ClosedAlert(
        **plain, headline_zh=headline_zh, headline_en=headline_en, place_zh=place_zh, place_en=place_en,
        outcome_zh=outcome.zh if outcome else "", outcome_en=outcome.en if outcome else "",
    )  # fmt: skip


def _key(closed_at: dt.datetime, alert_id: uuid.UUID) -> str:
    return f"{round(closed_at.timestamp() * 1e6)}_{alert_id}"


def _read_key(text: str) -> tuple[dt.datetime, uuid.UUID]:
    micros, _, alert_id = text.partition("_")
    try:
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=int(micros)), uuid.UUID(alert_id)
    except (ValueError, OverflowError):
        raise ProvisioningError(en="there is no such page", zh="没有这一页", field="after") from None


def known(alerts: Sequence[ClosedAlert]) -> frozenset[int]:
    """Ids of the residents who are named in a page, for the audit. Pure."""
    return frozenset(one.resident_id for one in alerts if one.resident_id is not None)


_WORDS = """(r.name_zh LIKE %(like)s OR r.name_en ILIKE %(like)s OR upper(r.code) = upper(%(words)s)
             OR upper(h.code) = upper(%(words)s) OR h.address_zh LIKE %(like)s OR h.address_en ILIKE %(like)s)"""
_ROWS = """
    SELECT a.id, a.rule, a.severity, a.state, a.evidence, a.outcome, a.owner_zh, a.owner_en, a.raised_at, a.closed_at,
           a.merged_into, h.id AS household_id, h.code AS household_code, h.address_zh, h.address_en,
           ar.name_zh AS area_zh, ar.name_en AS area_en, r.id AS resident_id, r.code AS resident_code,
           r.name_zh AS resident_zh, r.name_en AS resident_en, date_part('year', age(r.birth_date))::int AS resident_age
    FROM alert a JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
    LEFT JOIN resident r ON r.id = a.resident_id
    WHERE <where> ORDER BY a.closed_at DESC, a.id DESC LIMIT %(limit)s
"""
