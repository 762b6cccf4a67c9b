"""Alarms that a neighbour of the time bank answered: the finished work order becomes a help, by itself, once."""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import NotFoundError, ProvisioningError
from care_services.time_bank import store
from care_services.time_bank.requests import SYSTEM, Person, as_account, event
from care_services.time_bank.running import telling

BATCH = 100
_ORDER = """
    SELECT o.id, o.number, o.state, o.resident_id, o.done_at, v.id AS volunteer_id, v.code, v.resident_id AS own,
           (SELECT min(e.at) FROM work_order_event e WHERE e.order_id = o.id AND e.to_state = 'arrived') AS arrived,
           EXISTS (SELECT FROM time_request q WHERE q.order_id = o.id) AS booked
    FROM work_order o JOIN time_volunteer v ON v.staff_id = o.staff_id
    WHERE o.alert_id IS NOT NULL AND
"""


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    number: int
    state: str
    resident_id: int | None
    done_at: dt.datetime | None
    volunteer_id: int
    code: str
    own: int | None
    arrived: dt.datetime | None
    booked: bool


def from_order(conn: Connection[Any], account: Account, order: int, now: dt.datetime, origin: str = "") -> int:
    """Take a finished work order of an alert, done by a volunteer, for the volunteer's word; returns the request.

    Minutes are those from the arrival to the end, one at least. The receiving side still confirms them. The rounds do
    it by themselves within a minute; this is for who will not wait.
    """
    require(account, Action.MANAGE_TIME_BANK)
    found = _orders(conn, "o.number = %s", (order,))
    one = found[0] if found else None
    if one is None or one.resident_id is None or not may_see(conn, account, one.resident_id):
        raise NotFoundError(
            zh=f"没有由时间银行志愿者完成的预警工单 {order}", field="order",
            en=f"there is no work order {order} of an alarm that a volunteer of the time bank took",
        )  # fmt: skip
    if one.booked:
        raise ProvisioningError(zh="该工单的时间已登记", en="the minutes of this work order are told", field="order")
    if one.state != "done" or one.arrived is None or one.done_at is None:
        raise ProvisioningError(zh="工单尚未完成，或没有到达记录", en="the work order is not done yet", field="order")
    if one.own == one.resident_id:
        raise ProvisioningError(zh="不能服务本人", en="the volunteer is the resident", field="order")
    number = _take(conn, one, as_account(account, origin), now)
    if number is None:
        raise ProvisioningError(zh="该工单的时间已登记", en="the minutes of this work order are told", field="order")
    return number


def take_finished(conn: Connection[Any], now: dt.datetime) -> int:
    """Take all finished work orders of alarms that volunteers answered, each once; how many. For the rounds."""
    due = _orders(
        conn,
        "o.state = 'done' AND o.done_at > %s AND o.resident_id IS NOT NULL AND v.resident_id IS DISTINCT FROM"
        " o.resident_id AND NOT EXISTS (SELECT FROM time_request q WHERE q.order_id = o.id) AND EXISTS (SELECT FROM"
        " work_order_event e WHERE e.order_id = o.id AND e.to_state = 'arrived') ORDER BY o.done_at LIMIT %s",
        (now - dt.timedelta(days=90), BATCH),
    )
    return sum(_take(conn, one, SYSTEM, now) is not None for one in due)


def _orders(conn: Connection[Any], condition: str, asked: tuple[Any, ...]) -> list[_Order]:
    return conn.cursor(row_factory=class_row(_Order)).execute(f"{_ORDER} {condition}".encode(), asked).fetchall()


def _take(conn: Connection[Any], one: _Order, person: Person, now: dt.datetime) -> int | None:
    assert one.arrived is not None  # noqa: S101 - asked for before
    assert one.done_at is not None  # noqa: S101 - asked for before
    minutes = min(720, max(1, round((one.done_at - one.arrived).total_seconds() / 60)))
    number = uuid.uuid4()
    with conn.transaction():
        made = conn.execute(
            "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
            " asked_by, asked_at, volunteer_id, order_id, told_minutes, told_at, told_by)"
            " VALUES (%s, %s, 'alarm', 'done', %s, %s, %s, 'alarm', %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (order_id) DO NOTHING RETURNING number",
            (
                number, one.resident_id, one.arrived, max(one.done_at, one.arrived + dt.timedelta(minutes=1)),
                max(5, minutes), person.account_id, now, one.volunteer_id, one.id, minutes, one.done_at,
                f"volunteer:{one.code}",
            ),
        ).fetchone()  # fmt: skip
        if made is None:
            return None  # another process was quicker
        event(conn, number, "from_order", None, "done", person, now, one.volunteer_id,
              detail={"order": one.number, "minutes": minutes})  # fmt: skip
        audit(conn, person.account, "change_help", at=now, resident_id=one.resident_id, origin=person.origin,
              detail={"number": made[0], "state": "done", "order": one.number})  # fmt: skip
        if (help_ := store.by_id(conn, number)) is not None:
            telling.to_confirm(conn, help_, minutes, now)
        return int(made[0])


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that a neighbour of the time bank answers or answered, up to its minutes in the books."""

    order: int
    order_id: uuid.UUID
    state: str
    alert_id: uuid.UUID
    volunteer: str
    volunteer_zh: str
    volunteer_en: str
    resident_zh: str
    resident_en: str
    created_at: dt.datetime
    arrived: dt.datetime | None
    done_at: dt.datetime | None
    request: int | None
    request_state: str | None
    minutes: int | None
    credited: int | None

    @property
    def alert(self) -> str:
        """The number of the alert as desks call it."""
        return str(self.alert_id)[:6]


_ANSWERED = """
    SELECT o.number AS "order", o.id AS order_id, o.state, o.alert_id, v.code AS volunteer, v.name_zh AS volunteer_zh,
           v.name_en AS volunteer_en, r.name_zh AS resident_zh, r.name_en AS resident_en, o.created_at,
           (SELECT min(e.at) FROM work_order_event e WHERE e.order_id = o.id AND e.to_state = 'arrived') AS arrived,
           o.done_at, q.number AS request, q.state AS request_state, q.told_minutes AS minutes, q.credited
    FROM work_order o JOIN time_volunteer v ON v.staff_id = o.staff_id JOIN resident r ON r.id = o.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
    LEFT JOIN time_request q ON q.order_id = o.id
    WHERE o.alert_id IS NOT NULL AND o.state <> 'cancelled' AND
"""


def answered(conn: Connection[Any], account: Account, limit: int = 20) -> list[Answered]:
    """Alarms in the area that neighbours answered and whose minutes are not in the books yet, the newest first."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Answered)).execute(
        f"{_ANSWERED} a.path <@ %s::ltree AND q.state IS DISTINCT FROM 'confirmed'"
        " AND q.state IS DISTINCT FROM 'cancelled' ORDER BY o.created_at DESC LIMIT %s",
        (account.area_path, limit),
    ).fetchall()  # fmt: skip


def of_volunteer(conn: Connection[Any], account: Account, volunteer_id: int, limit: int = 20) -> list[Answered]:
    """Alarms in the account's area that one volunteer answered, the newest first."""
    require(account, Action.VIEW_CARE)
    return conn.cursor(row_factory=class_row(Answered)).execute(
        f"{_ANSWERED} v.id = %s AND a.path <@ %s::ltree ORDER BY o.created_at DESC LIMIT %s",
        (volunteer_id, account.area_path, limit),
    ).fetchall()  # fmt: skip


def alert_of(conn: Connection[Any], order_id: uuid.UUID | None) -> tuple[int, uuid.UUID, uuid.UUID] | None:
    """Of a request from an alarm: the work order's number and id, and the alert; None: it is none, or not seen."""
    if order_id is None:
        return None
    row = conn.execute("SELECT number, id, alert_id FROM work_order WHERE id = %s", (order_id,)).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def neighbours(conn: Connection[Any], staff: Collection[int]) -> dict[int, str]:
    """Find the neighbours among people whom a desk sends: codes of volunteers, by the number of the member of staff."""
    if not staff:
        return {}
    rows = conn.execute("SELECT staff_id, volunteer FROM time_neighbours(%s)", (list(staff),)).fetchall()
    return {row[0]: row[1] for row in rows}
