"""Applications for grants in the database: rows read and written, without roles; the desk asks for permission first."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.below import people_below
from care_services.core.rules import Value
from care_services.grants.settling import month_of

RULES_ACTOR = "规则核定"
"""The actor of a step that the rules took."""
PAGE = 50
_FOREVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """An application, with whose it is."""

    id: int
    kind: str
    resident_id: int
    resident: str
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    bed_id: int | None
    state: str
    applicant: str
    applied_at: dt.datetime
    form: dict[str, Value]
    facts: dict[str, Value]
    missing: list[str]
    settled_by: str | None
    rule: str
    rule_version: int | None
    reason_zh: str
    reason_en: str
    amount_fen: int | None
    per: str | None
    pays_from: dt.date | None
    pays_until: dt.date | None
    decided_at: dt.datetime | None
    due_at: dt.datetime | None
    version: int


class GrantStep(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an application's history."""

    at: dt.datetime
    step: str
    to_state: str
    actor: str
    actor_en: str | None = None
    account_id: int | None
    reason: str
    detail: dict[str, Any]


_FROM: LiteralString = """
    FROM grant_application g JOIN resident r ON r.id = g.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id WHERE NOT h.synthetic
"""
_APPLICATION: LiteralString = f"""
    SELECT g.id, g.kind, g.resident_id, r.code AS resident, r.name_zh, r.name_en, a.name_zh AS area_zh,
           a.name_en AS area_en, g.bed_id, g.state, g.applicant, g.applied_at, g.form, g.facts, g.missing,
           g.settled_by, g.rule, g.rule_version, g.reason_zh, g.reason_en, g.amount_fen, g.per, g.pays_from,
           g.pays_until, g.decided_at, g.due_at, g.version
    {_FROM}
"""
_OF: LiteralString = "FROM grant_application g"


def load(conn: Connection[Any], number: int) -> Application | None:
    """An application by its number; None where there is none."""
    with conn.cursor(row_factory=class_row(Application)) as cursor:
        return cursor.execute(f"{_APPLICATION} AND g.id = %s", (number,)).fetchone()


def lock(conn: Connection[Any], number: int) -> int | None:
    """Hold an application until the transaction ends; its version, or None where there is none."""
    row = conn.execute("SELECT version FROM grant_application WHERE id = %s FOR UPDATE", (number,)).fetchone()
    return None if row is None else int(row[0])


def of_resident(conn: Connection[Any], resident_id: int) -> list[Application]:
    """The applications of a resident, the newest first."""
    with conn.cursor(row_factory=class_row(Application)) as cursor:
        return cursor.execute(
            f"{_APPLICATION} AND g.resident_id = %s ORDER BY g.id DESC LIMIT 100", (resident_id,)
        ).fetchall()  # fmt: skip


def granted_before(conn: Connection[Any], resident_id: int, kind: str, on: dt.date, besides: int = 0) -> bool:
    """Whether a resident has such a grant: one that was paid once, or one that is being paid."""
    row = conn.execute(
        "SELECT FROM grant_application WHERE resident_id = %s AND kind = %s AND state = 'approved' AND id <> %s"
        " AND (per = 'once' OR pays_until IS NULL OR pays_until > %s) LIMIT 1",
        (resident_id, kind, besides, month_of(on)),
    ).fetchone()
    return row is not None


def insert(
    conn: Connection[Any], kind: str, resident_id: int, applicant: str, at: dt.datetime, form: Any
) -> int | None:
    """Add an application that waits; None where one of that kind waits already."""
    row = conn.execute(
        "INSERT INTO grant_application (kind, resident_id, bed_id, state, applicant, applied_at, form) VALUES (%s, %s,"
        " (SELECT id FROM home_bed WHERE resident_id = %s AND state NOT IN ('closed', 'refused', 'withdrawn')),"
        " 'waiting', %s, %s, %s)"
        " ON CONFLICT (resident_id, kind) WHERE state = 'waiting' DO NOTHING RETURNING id",
        (kind, resident_id, resident_id, applicant, at, Jsonb(form)),
    ).fetchone()
    return None if row is None else int(row[0])


def change(conn: Connection[Any], number: int, values: dict[str, Any]) -> None:
    """Set columns of an application, and count its version up."""
    wrapped = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in values.items()}
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values]
    query = sql.SQL("UPDATE grant_application SET {} WHERE id = %(id)s").format(
        sql.SQL(", ").join([*assignments, sql.SQL("version = version + 1")])
    )
    conn.execute(query, {**wrapped, "id": number})


def record(
    conn: Connection[Any], number: int, step: str, state: str, account: Account | None, at: dt.datetime, origin: str,
    reason: str = "", detail: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add a line to the history; ``account`` None: the rules took the step."""
    conn.execute(
        "INSERT INTO grant_step (application_id, at, step, to_state, account_id, actor, origin, reason, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (number, at, step, state, account.id if account else None, account.name_zh if account else RULES_ACTOR, origin,
         reason.strip()[:500], Jsonb(detail or {})),
    )  # fmt: skip


def steps(conn: Connection[Any], number: int) -> list[GrantStep]:
    """The history of an application, the oldest first."""
    with conn.cursor(row_factory=class_row(GrantStep)) as cursor:
        return cursor.execute(
            "SELECT s.at, s.step, s.to_state, s.actor, s.account_id, s.reason, s.detail,"
            " (SELECT n.name_en FROM account n WHERE n.id = s.account_id) AS actor_en"
            " FROM grant_step s WHERE s.application_id = %s ORDER BY s.id",
            (number,),
        ).fetchall()


def counts(conn: Connection[Any], under: str, now: dt.datetime) -> dict[tuple[str, str], int]:
    """How many applications there are by kind and state; under ``('', 'late')`` those that wait beyond their day."""
    found: dict[tuple[str, str], int] = {("", "late"): 0}
    for kind, state, n, late in conn.execute(
        "SELECT g.kind, g.state, count(*)::integer,"  # noqa: S608 - of constants
        " count(*) FILTER (WHERE g.state = 'waiting' AND g.due_at < %(now)s)::integer"
        f" FROM grant_application g WHERE {people_below('g.resident_id')} GROUP BY g.kind, g.state",
        {"now": now, "area": under},
    ):
        found[kind, state] = n
        found["", "late"] += late
    return found


def listing(conn: Connection[Any], under: str, state: str, kind: str, after: int) -> list[Application]:
    """One page of a state, and one more where there are more: those that wait, the oldest first; else the newest."""
    waiting = state == "waiting"
    order: LiteralString = "g.id > %(after)s" if waiting else "(%(after)s = 0 OR g.id < %(after)s)"
    direction: LiteralString = "ORDER BY g.id" if waiting else "ORDER BY g.id DESC"
    wanted = f"g.state = %(state)s AND (%(kind)s = '' OR g.kind = %(kind)s) AND {order}"
    here = people_below("g.resident_id")
    page = f"FROM (SELECT * FROM grant_application g WHERE {wanted} AND {here} {direction} LIMIT %(most)s) g"  # noqa: S608
    with conn.cursor(row_factory=class_row(Application)) as cursor:
        return cursor.execute(
            f"{_APPLICATION.replace(_OF, page)} {direction}",
            {"area": under, "state": state, "kind": kind, "after": after, "most": PAGE + 1},
        ).fetchall()
