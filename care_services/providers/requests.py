"""Requests by one tap that a provider is asked for: it says yes with a time and who goes, or no with the reason.

It learns whereabouts the home is, and who it is when the order stands: the rounds make that of the yes, with the
prices and the facts that no provider sees.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.acting import Acting
from care_services.home_services.orders.people import Person, Slot, check_staff, people_by_slot
from care_services.providers import desk

AHEAD = dt.timedelta(days=60)
_BEYOND = 2**31
"""Of an integer of the database: a larger number in an address is no request."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits for this provider. ``yes_at``: it has said yes, and the order is being made."""

    id: int
    version: int
    service_zh: str
    service_en: str
    work: str
    minutes: int
    wanted_at: dt.datetime
    answer_by: dt.datetime
    words: str
    area_zh: str
    area_en: str
    staff: str | None
    yes_at: dt.datetime | None


_ASKED = """
    SELECT q.id, q.version, c.name_zh AS service_zh, c.name_en AS service_en, c.work, c.minutes, q.wanted_at,
           q.answer_by, q.words, q.area_zh, q.area_en, q.staff, q.yes_at
    FROM provider_requests() q JOIN care_service c ON c.code = q.service
"""


def waiting(conn: Connection[Any], acting: Acting) -> list[tuple[Asked, list[Person]]]:
    """The requests that wait for this provider, the most urgent first, each with who could go; audited."""
    mine = desk.of(conn, acting)
    with conn.cursor(row_factory=class_row(Asked)) as cursor:
        found = cursor.execute(_ASKED + " ORDER BY q.answer_by, q.id").fetchall()
    acting.audit(conn, "view_provider_requests", None, what=mine.code, requests=len(found))
    slots = {one.id: Slot(one.work, max(one.wanted_at, acting.at), one.minutes) for one in found if not one.yes_at}
    able = people_by_slot(conn, mine.id, set(slots.values()))
    return [(one, able[slots[one.id]] if one.id in slots else []) for one in found]


def say_yes(
    conn: Connection[Any], acting: Acting, number: int, seen: int, start: dt.datetime, staff: str
) -> None:  # fmt: skip
    """Say yes to a request. Raises ProvisioningError with the field, ChangedMeanwhileError."""
    mine = desk.of(conn, acting)
    if not acting.at - dt.timedelta(minutes=5) <= start <= acting.at + AHEAD:
        raise ProvisioningError(en="choose a time from now on, within 60 days", zh="请选择现在以后、60 天以内的时间",
                                field="start")  # fmt: skip
    with conn.transaction():
        work = conn.execute(_ASKED + " WHERE q.id = %s", (number,)).fetchone()
        if work is None:
            raise _changed()
        staff_id = check_staff(conn, staff, mine.id, work[4], start) if staff else None
        _answer(conn, acting, number, seen, max(start, acting.at), staff_id, "")


def say_no(conn: Connection[Any], acting: Acting, number: int, seen: int, note: str) -> None:
    """Say no to a request, with the reason: the rounds ask the next provider. Raises as :func:`say_yes`."""
    desk.of(conn, acting)
    if not note.strip():
        raise ProvisioningError(en="say why", zh="请填写原因", field="note")
    with conn.transaction():
        _answer(conn, acting, number, seen, None, None, note.strip())


def _answer(
    conn: Connection[Any], acting: Acting, number: int, seen: int, start: dt.datetime | None, staff_id: int | None,
    note: str,
) -> None:  # fmt: skip
    if not (0 < number < _BEYOND and seen < _BEYOND):
        raise _changed()
    done = conn.execute(
        "SELECT provider_answers(%s, %s, %s, %s, %s, %s)", (number, seen, start, staff_id, note, acting.at)
    ).fetchone()
    if done is None or not done[0]:
        raise _changed()
    acting.audit(conn, "answer_service_request", None, request=number, yes=start is not None)


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="this request is no longer with you: look at the list again", zh="这项申请已不在您这里，请刷新查看"
    )
