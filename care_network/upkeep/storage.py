"""Another retention, asked for by page: what it deletes and when, its limits, the request and its withdrawal."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.upkeep.scope import UNDO, Acting, sees_everything
from database.grade import schema_grade
from database.retention import Retention, load_retention, midnight
from database.upkeep import requests as upkeep_requests
from database.upkeep import samples as storage_samples

LEAST, MOST = 4, 3650
"""Days of each class."""
MOST_COUNTED = 400
"""Of so many days the rows are estimated; of more it is said that there are more."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a change on one class. ``deleted``: rows, about; None: not known, or nothing."""

    name: str
    before: int
    after: int
    up_to: dt.datetime | None
    """Everything older is deleted; None: nothing is."""
    deleted: int | None


def may_change(conn: Connection[Any], acting: Acting) -> bool:
    """Whether the account may: it answers for the whole district and may set it up."""
    return may_do(acting.account, Action.PROVISION) and sees_everything(conn, acting.account)


def wanted(raw_days: int, minute_days: int, hour_days: int) -> Retention:
    """The retention of a form. Raises ProvisioningError with the field that is wrong."""
    given = {"raw_days": raw_days, "minute_days": minute_days, "hour_days": hour_days}
    for field, days in given.items():
        if not LEAST <= days <= MOST:
            raise ProvisioningError(en=f"between {LEAST} and {MOST} days", zh=f"请填 {LEAST} 至 {MOST} 天", field=field)
    if minute_days < raw_days:
        raise ProvisioningError(
            en="minutes are kept at least as long as readings",
            zh="分钟数据的保留期不能短于原始读数",
            field="minute_days",
        )
    if hour_days < minute_days:
        raise ProvisioningError(
            en="hours are kept at least as long as minutes", zh="小时数据的保留期不能短于分钟数据", field="hour_days"
        )
    return Retention(**given)


def effects(conn: Connection[Any], now: dt.datetime, after: Retention) -> list[Effect]:
    """List the effects of another retention by class; a class that stays as it is is left out."""
    before, grade = load_retention(conn), schema_grade(conn)
    found = []
    for name, was, will in (
        ("readings", before.raw_days, after.raw_days),
        ("minutes", before.minute_days, after.minute_days),
        ("hours", before.hour_days, after.hour_days),
    ):
        if was == will:
            continue
        up_to = midnight(now) - dt.timedelta(days=will) if will < was else None
        rows = None
        if up_to is not None and grade is not None:
            days = min(was - will, MOST_COUNTED)
            rows = storage_samples.rows_before(conn, grade, name, up_to - dt.timedelta(days=days), days)
        found.append(Effect(name=name, before=was, after=will, up_to=up_to, deleted=rows))
    return found


def ask(acting: Acting, after: Retention, seen: Retention) -> int:
    """Ask the maintenance service for another retention, after UNDO; the number of the request.

    ``seen``: the one that was in force on the page. Raises ChangedMeanwhileError where it no longer is,
    NotPermittedError, ProvisioningError where nothing changes.
    """
    acting.require(Action.PROVISION)
    with acting.conn.transaction():
        if not sees_everything(acting.conn, acting.account):
            raise NotPermittedError(
                en="the retention is the whole district's: ask its administrator", zh="保留期属全区设置，请联系区管理员"
            )
        now = load_retention(acting.conn)
        if now != seen:
            raise ChangedMeanwhileError(
                en="somebody else changed the retention meanwhile: this is how it is now",
                zh="保留期刚被他人修改，以下为当前设置",
            )
        if now == after:
            raise ProvisioningError(en="nothing is different", zh="没有改动")
        detail: dict[str, Any] = {"before": msgspec.structs.asdict(now), "after": msgspec.structs.asdict(after)}
        number = upkeep_requests.put(
            acting.conn, "retention", "retention", acting.account.login, detail, wait=UNDO
        )  # fmt: skip
        acting.audit("set_retention", request=number, **detail)
    return number


def withdraw(acting: Acting, number: int) -> None:
    """Take the wish back before it is carried out. Raises NotFoundError, ProvisioningError where it is too late."""
    acting.require(Action.PROVISION)
    with acting.conn.transaction():
        found = upkeep_requests.load(acting.conn, number)
        if found is None or found.kind != "retention" or not sees_everything(acting.conn, acting.account):
            raise NotFoundError(en="there is no such request", zh="没有这项请求")
        if not upkeep_requests.withdraw(acting.conn, number):
            raise ProvisioningError(en="too late: it is in force", zh="已经生效，无法撤回")
        acting.audit("withdraw_request", request=number)
