"""Legal holds (诉讼或调查保全): what may be evidence goes neither by its period nor by an erasure until it is lifted.

A hold is on a resident or on a class of tables, has a number of its case and a reason, and ends on its last day or when
somebody lifts it with a reason. The database's own functions respect it, whoever asks them to remove.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, covers_every_home, require
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.privacy.copies import resident_of
from vocabulary.times import local_day


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """A class of tables by its code, with the names of its tables."""

    code: str
    names: Sequence[str]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold. ``code``: the resident's, '' for a class; ``until``: its last day, None until it is lifted."""

    id: int
    resident_id: int | None
    code: str
    class_: str
    reference: str
    reason: str
    placer_zh: str | None
    placer_en: str | None
    placed_at: dt.datetime
    until: dt.date | None
    lifted_at: dt.datetime | None
    lifted_for: str
    lifter_zh: str | None
    lifter_en: str | None

    def state(self, today: dt.date) -> str:
        """Its state on a day: ``in_force``, ``lifted``, or ``over``."""
        if self.lifted_at is not None:
            return "lifted"
        return "over" if self.until is not None and self.until < today else "in_force"


STATES = {"in_force": ("保全中", "in force"), "lifted": ("已解除", "lifted"), "over": ("已到期", "over")}
_COLUMNS = b"""
    SELECT l.id, l.resident_id, coalesce(r.code, '') AS code, l.class AS class_, l.reference, l.reason,
           a.name_zh AS placer_zh, a.name_en AS placer_en, l.placed_at, l.until, l.lifted_at, l.lifted_for,
           b.name_zh AS lifter_zh, b.name_en AS lifter_en
    FROM legal_hold l LEFT JOIN resident r ON r.id = l.resident_id LEFT JOIN account a ON a.id = l.account_id
    LEFT JOIN account b ON b.id = l.lifted_by
"""


def place(
    conn: Connection[Any], account: Account, on: str | Tables, reference: str, reason: str, until: dt.date | None,
    *, at: dt.datetime, origin: str,
) -> int:  # fmt: skip
    """Place a hold on a resident (by code) or on a class of tables; returns its number.

    Raises NotPermittedError (a class is the whole district's: of whose area has every home), NotFoundError,
    ProvisioningError with the wrong field.
    """
    require(account, Action.APPROVE_ERASURE)
    reference, reason = clean(reference)[:80], clean(reason)[:400]
    number = None
    if isinstance(on, Tables):
        if not covers_every_home(conn, account):
            raise NotPermittedError(
                en="a class of data is the whole district's: an account of the whole district may hold it",
                zh="数据类别涉及全区，须由全区账号保全",
            )
    else:
        number = resident_of(conn, account, on)
    if not reference:
        raise ProvisioningError(en="give the number of the case or letter", zh="请填写案号或文号", field="reference")
    if not reason:
        raise ProvisioningError(en="say why", zh="请写明事由", field="reason")
    if until is not None and until < local_day(at):
        raise ProvisioningError(en="its last day is over already", zh="截止日期已过", field="until")
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO legal_hold (resident_id, class, relations, area_path, reference, reason, account_id,"
            " placed_at, until) VALUES (%s, %s, %s, %s::text::ltree, %s, %s, %s, %s, %s) RETURNING id",
            (number, on.code if isinstance(on, Tables) else "", list(on.names) if isinstance(on, Tables) else [],
             account.area_path, reference, reason, account.id, at, until),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - INSERT … RETURNING
        audit(conn, account, "place_hold", at=at, resident_id=number, origin=origin,
              detail={"number": row[0], "reference": reference})  # fmt: skip
    return int(row[0])


def lift(conn: Connection[Any], account: Account, number: int, why: str, *, at: dt.datetime, origin: str) -> None:
    """Lift a hold, with the reason: what waited for it goes on by itself.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError where it is lifted already, ProvisioningError without
    a reason.
    """
    require(account, Action.APPROVE_ERASURE)
    why = clean(why)[:400]
    if not why:
        raise ProvisioningError(en="say why it is lifted", zh="请写明解除事由", field="why")
    with conn.transaction():
        one = load(conn, account, number)
        if not one.code and not covers_every_home(conn, account):
            raise NotPermittedError(
                en="a class of data is the whole district's: an account of the whole district may lift the hold",
                zh="数据类别涉及全区，须由全区账号解除",
            )
        done = conn.execute(
            "UPDATE legal_hold SET lifted_at = %s, lifted_by = %s, lifted_for = %s WHERE id = %s AND lifted_at IS NULL",
            (at, account.id, why, number),
        ).rowcount
        if not done:
            raise ChangedMeanwhileError(en="it was lifted meanwhile", zh="这项保全已解除")
        audit(conn, account, "lift_hold", at=at, resident_id=one.resident_id, origin=origin,
              detail={"number": number, "reference": one.reference})  # fmt: skip


def load(conn: Connection[Any], account: Account, number: int) -> Hold:
    """Get a hold. Raises NotPermittedError, NotFoundError for one outside the account's area, too."""
    require(account, Action.VIEW_PRIVACY)
    found = _rows(conn, account, b" AND l.id = %(id)s", id=number)
    if not found:
        raise NotFoundError(en=f"there is no hold {number} in your area", zh=f"您的管辖范围内没有保全 {number}")
    return found[0]


def listing(
    conn: Connection[Any], account: Account, *, resident_id: int | None = None, after: int = 0, limit: int = 200
) -> list[Hold]:
    """List the holds of the account's area, the newest first; ``resident_id``: of that one alone.

    Raises NotPermittedError.
    """
    require(account, Action.VIEW_PRIVACY)
    if resident_id is not None:
        return _rows(conn, account, b" AND l.resident_id = %(who)s ORDER BY l.id DESC LIMIT 50", who=resident_id)
    return _rows(
        conn, account, b" AND (%(after)s = 0 OR l.id < %(after)s) ORDER BY l.id DESC LIMIT %(limit)s",
        after=after, limit=limit,
    )  # fmt: skip


def for_which_waits(conn: Connection[Any], account: Account, resident_id: int) -> tuple[str, str] | None:
    """Say in Chinese and English for which hold an erasure of the resident waits; None: for none."""
    row = conn.execute("SELECT erasure_held(%s)", (resident_id,)).fetchone()
    if row is None or row[0] is None:
        return None
    try:
        one = load(conn, account, row[0])
    except (NotFoundError, NotPermittedError):  # the whole district's, or not for this account
        return f"保全 {row[0]}", f"hold {row[0]}"
    last_zh, last_en = (f"至 {one.until}", f"until {one.until}") if one.until else ("未定期限", "until it is lifted")
    return (
        f"保全 {one.id}（{one.reference}，{last_zh}）：{one.reason}",
        f"hold {one.id} ({one.reference}, {last_en}): {one.reason}",
    )


def _rows(conn: Connection[Any], account: Account, and_: bytes, **asked: Any) -> list[Hold]:
    # of a class: whoever looks after privacy in any part of what it holds may know why nothing goes
    query = _COLUMNS + (
        b"WHERE (l.area_path <@ %(area)s::text::ltree OR l.resident_id IS NULL OR EXISTS (SELECT FROM household h"
        b" JOIN area p ON p.id = h.area_id WHERE h.id = r.household_id AND p.path <@ %(area)s::text::ltree))"
    )
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(query + and_, {"area": account.area_path, **asked}).fetchall()
