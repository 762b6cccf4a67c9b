"""Traits of residents, such as low income: recorded with evidence, ended and never edited."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection, errors
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.history import changes
from care_network.records.residents import resident_id
from care_services.core.facts import OF_THE_RECORD, TRAITS
from vocabulary.times import SHANGHAI


class Trait(msgspec.Struct, frozen=True, kw_only=True):
    """A trait as it was recorded. ``valid_until`` is the first day on which it is no more; None: it still holds."""

    id: int
    trait: str
    holds: bool
    valid_from: dt.date
    valid_until: dt.date | None
    evidence: str
    set_by: str
    set_at: dt.datetime


def of_resident(conn: Connection[Any], account: Account, code: str) -> list[Trait]:
    """Everything recorded of a resident, the newest first. Raises NotFoundError outside the account's area."""
    require(account, Action.VIEW_CARE)
    number = _seen(conn, account, code)
    return conn.cursor(row_factory=class_row(Trait)).execute(
        "SELECT t.id, trait, holds, valid_from, valid_until, evidence, coalesce(a.name_zh, '') AS set_by, set_at"
        " FROM resident_trait t LEFT JOIN account a ON a.id = t.account_id"
        " WHERE resident_id = %s ORDER BY set_at DESC, t.id DESC",
        (number,),
    ).fetchall()  # fmt: skip


def record(
    conn: Connection[Any],
    account: Account,
    code: str,
    trait: str,
    *,
    holds: bool,
    evidence: str,
    valid_from: dt.date,
    now: dt.datetime,
    origin: str = "",
) -> None:
    """Record that a trait holds, or that it does not, from a day on; what was recorded before ends on that day.

    One of :data:`care_services.core.facts.OF_THE_RECORD` is written into the record as well. ``evidence``: the document
    or the person that says so; it may not be empty. Raises ProvisioningError, NotFoundError, NotPermittedError.
    """
    require(account, Action.RECORD_TRAITS)
    if trait not in TRAITS:
        raise ProvisioningError(en=f"there is no trait {trait!r}", zh=f"没有“{trait}”这种情况", field="trait")
    if not evidence.strip():
        raise ProvisioningError(
            en="say which document or person it is known from", zh="请写明依据（证件、名单或告知人）", field="evidence"
        )
    if valid_from > now.astimezone(SHANGHAI).date():
        raise ProvisioningError(en="the first day lies in the future", zh="起始日不能在将来", field="valid_from")
    number = _seen(conn, account, code)
    with conn.transaction():
        conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (number,))
        ahead = conn.execute(
            "SELECT max(valid_from) FROM resident_trait WHERE resident_id = %s AND trait = %s AND valid_until IS NULL",
            (number, trait),
        ).fetchone()
        if ahead is not None and ahead[0] is not None and ahead[0] > valid_from:
            raise ProvisioningError(
                en=f"it is recorded from {ahead[0]} on already: choose that day or a later one",
                zh=f"已有自 {ahead[0]} 起的登记，请选择该日或之后的日期",
                field="valid_from",
            )
        conn.execute(
            "UPDATE resident_trait SET valid_until = %s WHERE resident_id = %s AND trait = %s AND valid_until IS NULL",
            (valid_from, number, trait),
        )
        try:
            conn.execute(
                "INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, account_id, set_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (number, trait, holds, valid_from, evidence.strip()[:400], account.id, now),
            )
        except errors.UniqueViolation as error:
            raise ChangedMeanwhileError(
                en="somebody else recorded it meanwhile: look again", zh="他人刚刚登记过，请刷新后再看"
            ) from error
        if trait in OF_THE_RECORD:
            changes.act_as(conn, account, origin)
            conn.execute(
                "UPDATE resident SET lives_alone = %(holds)s, version = version + 1"
                " WHERE id = %(id)s AND lives_alone IS DISTINCT FROM %(holds)s",
                {"id": number, "holds": holds},
            )
        detail = {"what": trait, "value": holds, "from": str(valid_from)}
        audit(conn, account, "record_trait", at=now, resident_id=number, origin=origin, detail=detail)


def _seen(conn: Connection[Any], account: Account, code: str) -> int:
    number = resident_id(conn, code)
    if number is None or not may_see(conn, account, number):
        raise NotFoundError(en=f"no resident {code!r} in your area", zh=f"您的区域内没有老人 {code}")
    return number
