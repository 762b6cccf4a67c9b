"""Residents who died or moved away: written down with day, reason and evidence, shown before, and taken back."""

import datetime as dt
from collections.abc import Collection
from typing import Any, Literal, LiteralString, get_args

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.grants import pausing
from care_services.registers import following, tasks
from care_services.registers.following import REASON_WORDS as REASON_WORDS
from care_services.registers.following import Group, Terms
from care_services.registers.tasks import Task
from vocabulary.times import SHANGHAI

Reason = Literal["died", "moved", "other"]


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A death or a move that was written down. ``back_at``: the person is here after all; None: in force."""

    id: int
    resident_id: int
    code: str
    name_zh: str
    name_en: str
    left_on: dt.date
    reason: str
    evidence: str
    written_at: dt.datetime
    by_zh: str | None
    by_en: str | None
    terms: dict[str, Any]
    back_at: dt.datetime | None
    back_reason: str
    back_zh: str | None
    back_en: str | None


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The consequences, if somebody were written down as gone."""

    resident_id: int
    left_on: dt.date
    reason: str
    evidence: str
    terms: Terms
    groups: list[Group]
    tasks: list[Task]
    others: int
    """People who live in the same home; 0: nobody will live there."""


class After(msgspec.Struct, frozen=True, kw_only=True):
    """A leaving with what was done for it, and what is still to be done."""

    leaving: Leaving
    groups: list[Group]
    tasks: list[Task]


def before(
    conn: Connection[Any],
    account: Account,
    resident: str,
    left_on: dt.date,
    reason: str,
    evidence: str,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Before:
    """Look what would follow, before anything is written down; the look is audited.

    Raises NotPermittedError, NotFoundError, ProvisioningError with the field, as :func:`record`.
    """
    evidence = _checked(account, left_on, reason, evidence, at)
    with conn.transaction():
        number = seen(conn, account, resident)
        today = at.astimezone(SHANGHAI).date()
        why, terms = reason_of(reason), following.terms_of(conn, reason, today)
        too_much = sum(one.reclaim_fen for one in following.grants_of(conn, number, left_on, why))
        row = conn.execute(
            "SELECT count(*) FROM resident o JOIN resident me ON me.household_id = o.household_id"
            " WHERE me.id = %s AND o.id <> me.id AND o.gone IS NULL",
            (number,),
        ).fetchone()
        detail = {"reason": reason, "left_on": str(left_on)}
        audit(conn, account, "view_leaving", at=at, resident_id=number, origin=origin, detail=detail)
        return Before(
            resident_id=number, left_on=left_on, reason=reason, evidence=evidence, terms=terms,
            groups=following.before(conn, number, left_on, why, at, terms),
            tasks=tasks.of_resident(conn, account, number, resident, terms, today, too_much),
            others=row[0] if row else 0,
        )  # fmt: skip


def record(
    conn: Connection[Any],
    account: Account,
    resident: str,
    left_on: dt.date,
    reason: str,
    evidence: str,
    *,
    at: dt.datetime,
    origin: str = "",
) -> None:
    """Write down that a resident (code) died or moved away on a day, and carry out what follows, all or nothing.

    Ends an earlier one. Raises NotPermittedError, NotFoundError, ProvisioningError.
    """
    evidence = _checked(account, left_on, reason, evidence, at)
    with conn.transaction():
        number = seen(conn, account, resident)
        _ended(conn, account, number, "更正", at)
        terms = following.terms_of(conn, reason, at.astimezone(SHANGHAI).date())
        try:
            row = conn.execute(
                "INSERT INTO resident_leaving (resident_id, left_on, reason, evidence, written_at, written_by, terms)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (number, left_on, reason, evidence, at, account.id, Jsonb(msgspec.to_builtins(terms))),
            ).fetchone()
        except UniqueViolation as error:
            raise ChangedMeanwhileError(
                en="somebody else wrote it down meanwhile: look again", zh="他人刚刚登记过，请刷新后再看"
            ) from error
        assert row is not None  # noqa: S101 - RETURNING
        following.stop_grants(conn, Acting(account, at, origin), row[0], number, left_on, reason_of(reason))
        following.carry_out(conn, row[0], at)
        detail = {"reason": reason, "left_on": str(left_on), "evidence": evidence}
        audit(conn, account, "record_leaving", at=at, resident_id=number, origin=origin, detail=detail)


def end(
    conn: Connection[Any], account: Account, resident: str, reason: str, *, at: dt.datetime, origin: str = ""
) -> None:
    """Write down that a resident is here: came back, or it was a mistake; what was changed for it comes back.

    Raises NotFoundError where nobody left.
    """
    require(account, Action.MANAGE_REGISTERS)
    reason = clean(reason)[:200]
    if not reason:
        raise ProvisioningError(en="say why", zh="请填写原因", field="reason")
    with conn.transaction():
        number = seen(conn, account, resident)
        if not _ended(conn, account, number, reason, at):
            raise NotFoundError(en=f"{resident} is not written down as gone", zh=f"{resident} 没有离开登记")
        audit(conn, account, "end_leaving", at=at, resident_id=number, origin=origin, detail={"reason": reason})


def in_force(conn: Connection[Any], residents: Collection[int]) -> dict[int, str]:
    """The reason of those who are gone, by resident."""
    query = "SELECT resident_id, reason FROM resident_leaving WHERE back_at IS NULL AND resident_id = ANY(%s)"
    return dict(conn.execute(query, (list(residents),)).fetchall())


_SELECT: LiteralString = """
    SELECT l.id, l.resident_id, r.code, r.name_zh, r.name_en, l.left_on, l.reason, l.evidence, l.written_at,
           w.name_zh AS by_zh, w.name_en AS by_en, l.terms, l.back_at, l.back_reason, b.name_zh AS back_zh,
           b.name_en AS back_en
    FROM resident_leaving l JOIN resident r ON r.id = l.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id AND a.path <@ %(under)s::text::ltree
    LEFT JOIN account w ON w.id = l.written_by LEFT JOIN account b ON b.id = l.back_by
"""


def listing(
    conn: Connection[Any], account: Account, *, back: bool = False, before: int = 0, limit: int = 50
) -> list[Leaving]:
    """Those who are gone (``back``: who are here after all), of the account's area, the newest first."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Leaving)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE (l.back_at IS NOT NULL) = %(back)s AND (%(before)s = 0 OR l.id < %(before)s)"
            " ORDER BY l.id DESC LIMIT %(limit)s",
            {"under": account.area_path or "", "back": back, "before": before, "limit": limit},
        ).fetchall()


def after(
    conn: Connection[Any], account: Account, resident: str, *, at: dt.datetime, origin: str = ""
) -> list[After]:  # fmt: skip
    """The leavings of a resident (code), the newest first, with what was done; the look is audited.

    Raises NotPermittedError, NotFoundError.
    """
    require(account, Action.MANAGE_REGISTERS)
    with conn.transaction():
        number = seen(conn, account, resident)
        audit(conn, account, "view_leaving", at=at, resident_id=number, origin=origin, detail={})
        with conn.cursor(row_factory=class_row(Leaving)) as cursor:
            rows = cursor.execute(
                _SELECT + " WHERE l.resident_id = %(who)s ORDER BY l.id DESC LIMIT 20",
                {"under": account.area_path or "", "who": number},
            ).fetchall()
        found = []
        for one in rows:
            terms = msgspec.convert(one.terms, Terms) if one.terms else None
            still = [] if terms is None or one.back_at is not None else tasks.of_resident(
                conn, account, number, resident, terms, one.written_at.astimezone(SHANGHAI).date(),
                pausing.open_of(conn, number),
            )  # fmt: skip
            done = following.done(conn, one.id, terms, one.written_at, one.back_at is not None)
            found.append(After(leaving=one, groups=done, tasks=still))
        return found


def _checked(account: Account, left_on: dt.date, reason: str, evidence: str, at: dt.datetime) -> str:
    require(account, Action.MANAGE_REGISTERS)
    evidence = clean(evidence)[:200]
    if reason not in get_args(Reason):
        raise ProvisioningError(en="choose: died, moved or other", zh="请选择去世、迁出或其他", field="reason")
    if not evidence:
        raise ProvisioningError(en="say by what it is known", zh="请填写依据（如名册、死亡证明）", field="evidence")
    if left_on > at.astimezone(SHANGHAI).date():
        raise ProvisioningError(en="the day lies in the future", zh="日期不能在将来", field="left_on")
    return evidence


def reason_of(reason: str) -> Reason:
    """The reason by its code, which was looked at before."""
    found: Reason = msgspec.convert(reason, Reason)
    return found


def _ended(conn: Connection[Any], account: Account, number: int, reason: str, at: dt.datetime) -> bool:
    """End what is in force and bring back what was changed for it; whether anything was in force."""
    row = conn.execute(
        "UPDATE resident_leaving SET back_at = %s, back_by = %s, back_reason = %s"
        " WHERE resident_id = %s AND back_at IS NULL RETURNING id",
        (at, account.id, reason, number),
    ).fetchone()
    if row is not None:
        following.take_back(conn, row[0], at)
    return row is not None


def seen(conn: Connection[Any], account: Account, resident: str) -> int:
    """The row of a resident (code) of the account's area. Raises NotFoundError."""
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (resident,)).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(
            en=f"there is no resident {resident!r} in your area", zh=f"您的管辖区域内没有老人 {resident}",
            field="resident",
        )  # fmt: skip
    return int(row[0])
