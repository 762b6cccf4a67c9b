"""Make packages at their times, in the name of whoever set it up, and raise an alarm where a receiver takes nothing.

A schedule makes a package of each day, week or month that is over, in the district's time. After an outage the missing
ones are made one by one, in their order. One that cannot be made is tried again later, and named on the page.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Literal, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, account_by_id, account_by_login
from care_network.access.permissions import Action, audit, in_area, may_do, require
from care_network.errors import (
    CareNetworkError,
    ChangedMeanwhileError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.medical.keyring import KeyRing
from care_services.reporting import datasets, making, receivers
from care_services.reporting.datasets import dataset_named
from vocabulary.times import SHANGHAI

Every = Literal["day", "week", "month"]
EVERY_WORDS = {"day": ("每天", "each day"), "week": ("每周", "each week"), "month": ("每月", "each month")}
PAUSES_S = (600, 1800, 3600, 3 * 3600, 6 * 3600)
"""Between attempts to make a package that could not be made; the last one again and again."""
MOST_A_TURN = 3
"""Packages of one turn of the rounds: one about everybody of a district takes seconds."""
NAMESPACE = uuid.UUID("5a0f7c39-5c4d-5b7e-8a57-7a0c7b1d9e11")


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is made by itself. ``failures``: one after the other; ``fault``: of the last one."""

    id: int
    receiver: str
    receiver_zh: str
    receiver_en: str
    dataset: str
    area_path: str
    every: Every
    hour: int
    next_at: dt.datetime
    acts_as: int
    by_zh: str | None
    by_en: str | None
    active: bool
    failures: int
    fault: str
    made_until: dt.date | None
    version: int


_SELECT = """
    SELECT s.id, r.code AS receiver, r.name_zh AS receiver_zh, r.name_en AS receiver_en, s.dataset,
           s.area_path::text AS area_path, s.every, s.hour, s.next_at, s.acts_as, a.name_zh AS by_zh,
           a.name_en AS by_en, s.active, s.failures, s.fault, s.made_until, s.version
    FROM report_schedule s JOIN report_receiver r ON r.id = s.receiver_id LEFT JOIN account a ON a.id = s.acts_as
"""


def listing(conn: Connection[Any], account: Account) -> list[Schedule]:
    """The schedules of the account's area, by receiver."""
    require(account, Action.REPORT_UP)
    with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(
            _SELECT + " WHERE s.area_path <@ %s::text::ltree ORDER BY r.code, s.id", (account.area_path,)
        ).fetchall()


def add(
    conn: Connection[Any], account: Account, receiver: str, dataset: str, every: str, hour: int, *, at: dt.datetime,
    origin: str = "",
) -> int:  # fmt: skip
    """Make a package of the account's area by itself, in the account's name; the first is that of the period before.

    Raises NotPermittedError, NotFoundError, ProvisioningError with the field.
    """
    require(account, Action.REPORT_UP)
    found, area = receivers.one(conn, account, receiver), account.area_path or ""
    if not in_area(account, area):
        raise NotPermittedError(en="your account has no area", zh="您的账号没有管辖区域")
    making.check_receiver(dataset_named(dataset), found)
    if dataset == making.WITHDRAWALS:
        raise ProvisioningError(
            en="withdrawals are told by themselves within minutes", zh="撤回同意会自动在几分钟内通知，无需设定计划",
            field="dataset",
        )  # fmt: skip
    if every not in get_args(Every):
        raise ProvisioningError(en="choose: each day, week or month", zh="请选择每天、每周或每月", field="every")
    if not 0 <= hour <= 23:
        raise ProvisioningError(en="an hour from 0 to 23", zh="请填写 0 至 23 时", field="hour")
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO report_schedule (receiver_id, dataset, area_path, every, hour, next_at, acts_as)"
            " VALUES (%s, %s, %s::text::ltree, %s, %s, %s, %s)"
            " ON CONFLICT (receiver_id, dataset, area_path, every) DO UPDATE SET hour = excluded.hour,"
            " next_at = excluded.next_at, acts_as = excluded.acts_as, active = true, failures = 0, fault = '',"
            " version = report_schedule.version + 1 RETURNING id",
            (found.id, dataset, area, every, hour, next_time(every, hour, at), account.id),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING
        detail = {"receiver": receiver, "dataset": dataset, "every": every, "hour": hour}
        audit(conn, account, "set_report_schedule", at=at, origin=origin, detail=detail)
    return int(row[0])


def switch(
    conn: Connection[Any], account: Account, number: int, version: int, *, active: bool, at: dt.datetime,
    origin: str = "",
) -> None:  # fmt: skip
    """Let a schedule rest, or go on, as it was at ``version``. Packages that were made stay in the queue."""
    require(account, Action.REPORT_UP)
    there = next((one for one in listing(conn, account) if one.id == number), None)
    if there is None:
        raise NotFoundError(en="there is no such schedule in your area", zh="您的管辖区域内没有该计划")
    with conn.transaction():
        done = conn.execute(
            "UPDATE report_schedule SET active = %s, failures = 0, fault = '', next_at = %s, acts_as = %s,"
            " version = version + 1 WHERE id = %s AND version = %s",
            (active, next_time(there.every, there.hour, at), account.id, number, version),
        ).rowcount
        if not done:
            raise ChangedMeanwhileError(
                en="somebody else changed it meanwhile: look again", zh="刚被他人修改，请刷新后再看"
            )
        detail = {"schedule": number, "active": active}
        audit(conn, account, "set_report_schedule", at=at, origin=origin, detail=detail)


def next_time(every: str, hour: int, after: dt.datetime) -> dt.datetime:
    """The next time after a moment: every day, on Mondays or on the first of the month, at that hour in Shanghai."""
    local = after.astimezone(SHANGHAI)
    day = local.date() + dt.timedelta(days=1 if local.hour >= hour else 0)
    while (every == "week" and day.weekday() != 0) or (every == "month" and day.day != 1):
        day += dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(hour), SHANGHAI)


def period_before(every: str, day: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day of the period that ended last before a day."""
    one = dt.timedelta(days=1)
    if every == "day":
        return day - one, day - one
    if every == "week":
        monday = day - dt.timedelta(days=day.weekday())
        return monday - 7 * one, monday - one
    last = day.replace(day=1) - one
    return last.replace(day=1), last


def missing(every: str, made_until: dt.date | None, today: dt.date, most: int = 12) -> list[tuple[dt.date, dt.date]]:
    """The periods that are over and have no package yet, the oldest first; without one so far the newest alone."""
    found = [period_before(every, today)]
    while made_until is not None and found[0][0] > made_until + dt.timedelta(days=1) and len(found) < most:
        found.insert(0, period_before(every, found[0][0]))
    return [one for one in found if made_until is None or one[1] > made_until]


def make_due(
    conn: Connection[Any],
    now: dt.datetime,
    keys: Callable[[], tuple[KeyRing | None, Ed25519PrivateKey]],
    most: int = MOST_A_TURN,
) -> int:
    """Make what is due, for the rounds; the number of packages. ``keys`` is asked only where something is due."""
    with conn.cursor(row_factory=class_row(Schedule)) as cursor:  # a time beyond a month: a wrong clock wrote it
        due = cursor.execute(
            _SELECT + " WHERE s.active AND (s.next_at <= %(now)s OR s.next_at > %(now)s + interval '32 days')"
            " ORDER BY s.next_at, s.id LIMIT %(most)s",
            {"now": now, "most": most},
        ).fetchall()
    made = 0
    for one in due:
        try:
            made += _make(conn, one, now, keys)
        except (OSError, ValueError) as error:
            words = f"{error.message_zh} {error.message_en}" if isinstance(error, CareNetworkError) else str(error)
            again = dt.timedelta(seconds=PAUSES_S[min(one.failures, len(PAUSES_S) - 1)])
            conn.execute(
                "UPDATE report_schedule SET failures = failures + 1, fault = %s, next_at = %s WHERE id = %s",
                (words[:300], now + again, one.id),
            )
    return made


def _make(
    conn: Connection[Any], one: Schedule, now: dt.datetime,
    keys: Callable[[], tuple[KeyRing | None, Ed25519PrivateKey]],
) -> int:  # fmt: skip
    account = acting(conn, one.acts_as, Action.REPORT_UP, one.area_path)
    ring, key = keys()
    made = 0
    for first, last in missing(one.every, one.made_until, now.astimezone(SHANGHAI).date()):
        with conn.transaction():
            found = making.make(
                conn, account, ring, key, one.receiver, one.dataset, one.area_path, first, last, at=now, origin="rounds"
            )
            conn.execute("UPDATE report_schedule SET made_until = %s WHERE id = %s", (last, one.id))
        made += not found.again
    conn.execute(
        "UPDATE report_schedule SET failures = 0, fault = '', next_at = %s WHERE id = %s",
        (next_time(one.every, one.hour, now), one.id),
    )
    return made


def tell_withdrawals(
    conn: Connection[Any], now: dt.datetime, keys: Callable[[], tuple[KeyRing | None, Ed25519PrivateKey]]
) -> int:
    """Make the packages that tell receivers whose consent is over, for the rounds; their number.

    Each is made in the name of whoever made the package by which the receiver knows the people. Raises the last error
    once all others are made.
    """
    today, made, trouble = now.astimezone(SHANGHAI).date(), 0, None
    for by, area, receiver in datasets.untold(conn):
        try:
            account = acting(conn, by, Action.REPORT_UP, area)
            ring, key = keys()
            found = making.make(
                conn, account, ring, key, receiver, making.WITHDRAWALS, area, today, today, at=now, origin="rounds"
            )
            made += not found.again
        except (OSError, ValueError) as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return made


def acting(conn: Connection[Any], number: int, action: Action, area: str) -> Account:
    """The account in whose name a schedule works, as it is today. Raises NotPermittedError where it no longer may."""
    known = account_by_id(conn, number)
    found = None if known is None else account_by_login(conn, known.login)
    if found is None or not may_do(found, action) or not in_area(found, area):
        raise NotPermittedError(
            en="the account in whose name it works is switched off, or may not do it any more: set it up anew",
            zh="设置人的账号已停用或已无此权限，请由有权限的人员重新设置",
        )
    return found


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver that has taken nothing for so long, though something waits. ``alarm``: the alert that is open."""

    id: int
    code: str
    name_zh: str
    name_en: str
    since: dt.datetime
    waiting: int
    alarm_days: int
    held: bool
    alarm: uuid.UUID | None

    @property
    def key(self) -> uuid.UUID:
        """The id of the alert about it: one for each time since when it is silent."""
        return uuid.uuid5(NAMESPACE, f"{self.code}|{self.since.timestamp():.0f}")


def silent(conn: Connection[Any], now: dt.datetime) -> list[Silent]:
    """Receivers for which something has waited for longer than they may be silent, or of which an alarm is open."""
    with conn.cursor(row_factory=class_row(Silent)) as cursor:
        found = cursor.execute(
            """
            SELECT r.id, r.code, r.name_zh, r.name_en, r.alarm_days, r.held_at IS NOT NULL AS held, r.alarm,
                   count(k.id) AS waiting, coalesce(greatest(min(k.made_at), (
                       SELECT max(d.delivered_at) FROM report_package d WHERE d.receiver_id = r.id)), %(now)s) AS since
            FROM report_receiver r
            LEFT JOIN report_package k ON k.receiver_id = r.id AND k.state = 'waiting' AND r.active AND r.url <> ''
            GROUP BY r.id HAVING r.alarm IS NOT NULL OR count(k.id) > 0
            """,
            {"now": now},
        ).fetchall()
    return [one for one in found if one.alarm is not None or is_late(one, now)]


def is_late(one: Silent, now: dt.datetime) -> bool:
    """Whether it has been silent for longer than it may be. Pure."""
    return one.waiting > 0 and now - one.since > dt.timedelta(days=one.alarm_days)
