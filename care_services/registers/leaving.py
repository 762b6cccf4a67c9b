"""Residents who died or moved away: a state with a day, a reason and evidence. Nothing about them is deleted."""

import datetime as dt
from collections.abc import Collection
from typing import Any, Literal, get_args

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, may_see, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from vocabulary.times import SHANGHAI

Reason = Literal["died", "moved", "other"]
REASON_WORDS = {
    "died": ("去世", "died"), "moved": ("迁出", "moved away"), "other": ("其他原因离开", "left for another reason"),
}  # fmt: skip


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A resident who is gone, by what is known."""

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
    """Write down that a resident (code) died or moved away on a day; what was written before ends.

    Raises NotPermittedError, NotFoundError, ProvisioningError.
    """
    require(account, Action.MANAGE_REGISTERS)
    evidence = clean(evidence)[:200]
    if reason not in get_args(Reason):
        raise ProvisioningError(en="choose: died, moved or other", zh="请选择去世、迁出或其他", field="reason")
    if not evidence:
        raise ProvisioningError(en="say by what it is known", zh="请填写依据（如名册、死亡证明）", field="evidence")
    if left_on > at.astimezone(SHANGHAI).date():
        raise ProvisioningError(en="the day lies in the future", zh="日期不能在将来", field="left_on")
    with conn.transaction():
        number = seen(conn, account, resident)
        conn.execute(
            "UPDATE resident_leaving SET back_at = %s, back_by = %s, back_reason = %s"
            " WHERE resident_id = %s AND back_at IS NULL",
            (at, account.id, "更正", number),
        )
        try:
            conn.execute(
                "INSERT INTO resident_leaving (resident_id, left_on, reason, evidence, written_at, written_by)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (number, left_on, reason, evidence, at, account.id),
            )
        except UniqueViolation as error:
            raise ChangedMeanwhileError(
                en="somebody else wrote it down meanwhile: look again", zh="他人刚刚登记过，请刷新后再看"
            ) from error
        detail = {"reason": reason, "left_on": str(left_on), "evidence": evidence}
        audit(conn, account, "record_leaving", at=at, resident_id=number, origin=origin, detail=detail)


def end(
    conn: Connection[Any], account: Account, resident: str, reason: str, *, at: dt.datetime, origin: str = ""
) -> None:
    """Write down that a resident is here: came back, or it was a mistake. Raises NotFoundError where nobody left."""
    require(account, Action.MANAGE_REGISTERS)
    reason = clean(reason)[:200]
    if not reason:
        raise ProvisioningError(en="say why", zh="请填写原因", field="reason")
    with conn.transaction():
        number = seen(conn, account, resident)
        done = conn.execute(
            "UPDATE resident_leaving SET back_at = %s, back_by = %s, back_reason = %s"
            " WHERE resident_id = %s AND back_at IS NULL",
            (at, account.id, reason, number),
        ).rowcount
        if not done:
            raise NotFoundError(en=f"{resident} is not written down as gone", zh=f"{resident} 没有离开登记")
        audit(conn, account, "end_leaving", at=at, resident_id=number, origin=origin, detail={"reason": reason})


def in_force(conn: Connection[Any], residents: Collection[int]) -> dict[int, str]:
    """The reason of those who are gone, by resident."""
    query = "SELECT resident_id, reason FROM resident_leaving WHERE back_at IS NULL AND resident_id = ANY(%s)"
    return dict(conn.execute(query, (list(residents),)).fetchall())


def listing(conn: Connection[Any], account: Account, *, limit: int = 200) -> list[Leaving]:
    """Those who are gone, of the account's area, the newest first."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Leaving)) as cursor:
        return cursor.execute(
            """
            SELECT l.resident_id, r.code, r.name_zh, r.name_en, l.left_on, l.reason, l.evidence, l.written_at,
                   w.name_zh AS by_zh, w.name_en AS by_en
            FROM resident_leaving l JOIN resident r ON r.id = l.resident_id
            JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id AND a.path <@ %s::text::ltree
            LEFT JOIN account w ON w.id = l.written_by
            WHERE l.back_at IS NULL ORDER BY l.left_on DESC, l.id DESC LIMIT %s
            """,
            (account.area_path, limit),
        ).fetchall()


def seen(conn: Connection[Any], account: Account, resident: str) -> int:
    """The row of a resident (code) of the account's area. Raises NotFoundError."""
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (resident,)).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(
            en=f"there is no resident {resident!r} in your area", zh=f"您的管辖区域内没有老人 {resident}",
            field="resident",
        )  # fmt: skip
    return int(row[0])
