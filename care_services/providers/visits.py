"""A provider's visits of a day, and who goes. Name and door come by ``provider_doors``: a day before until a day after.

The database shows people of a provider no resident (:mod:`database.rights`); that function alone tells them what an
order needs, and nothing once the day after is over.
"""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core.acting import Acting
from care_services.home_services.orders import store
from care_services.home_services.orders.people import Person, Slot, check_staff, people_by_slot
from care_services.home_services.orders.states import State, Step, next_state
from care_services.home_services.visits import door_links, unfit
from care_services.providers import desk
from vocabulary.times import SHANGHAI

PAGE = 60
"""Visits of a day on one page: each shows everybody who could go."""
AHEAD = dt.timedelta(days=60)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as its provider sees it. ``name_zh`` None: too early or too late for the provider to know who it is."""

    id: int
    version: int
    work: str
    service_zh: str
    service_en: str
    planned_start: dt.datetime
    planned_minutes: int
    state: State
    staff: str | None
    staff_zh: str | None
    staff_en: str | None
    checked_in_at: dt.datetime | None
    checked_out_at: dt.datetime | None
    name_zh: str | None
    name_en: str | None
    area_zh: str | None
    area_en: str | None
    address_zh: str | None
    address_en: str | None
    phone: str | None
    note: str | None


_OF_DAY: LiteralString = """
    o.organisation_id = %(mine)s AND o.planned_start >= %(since)s AND o.planned_start < %(until)s
    AND o.state <> 'cancelled'
"""
_DAY: LiteralString = f"""
    SELECT o.id, o.version, c.work, c.name_zh AS service_zh, c.name_en AS service_en, o.planned_start,
           o.planned_minutes, o.state, s.code AS staff, s.name_zh AS staff_zh, s.name_en AS staff_en, o.checked_in_at,
           o.checked_out_at, d.name_zh, d.name_en, d.area_zh, d.area_en, d.address_zh, d.address_en, d.phone, d.note
    FROM service_order o JOIN care_service c ON c.code = o.service LEFT JOIN staff s ON s.id = o.staff_id
    LEFT JOIN provider_doors(%(since)s, %(until)s) d ON d.order_id = o.id
    WHERE {_OF_DAY} AND (%(after)s::bigint IS NULL OR (o.planned_start, o.id) > (
        SELECT x.planned_start, x.id FROM service_order x WHERE x.id = %(after)s AND x.organisation_id = %(mine)s))
    ORDER BY o.planned_start, o.id LIMIT %(most)s
"""  # noqa: S608 - constants


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a provider's day.

    ``number``: visits of all its pages; ``unnamed``: those of them with nobody to go; ``onward``: the visit behind
    which the next page begins, None: this is the last.
    """

    visits: list[Visit]
    number: int
    unnamed: int
    onward: int | None


def of_day(
    conn: Connection[Any], acting: Acting, day: dt.date, after: int | None = None
) -> tuple[desk.Provider, Day]:  # fmt: skip
    """The provider's visits of a day in Shanghai, in order, behind one of them; the look is audited."""
    mine = desk.of(conn, acting)
    since = dt.datetime.combine(day, dt.time(), SHANGHAI)
    values = {
        "mine": mine.id, "since": since, "until": since + dt.timedelta(days=1), "after": after, "most": PAGE + 1,
    }  # fmt: skip
    counted = conn.execute(
        f"SELECT count(*), count(*) FILTER (WHERE o.state = 'planned') FROM service_order o WHERE {_OF_DAY}",  # noqa: S608
        values,
    ).fetchone()
    assert counted is not None  # noqa: S101 - counts have a row
    with conn.cursor(row_factory=class_row(Visit)) as cursor:
        found = cursor.execute(_DAY, values).fetchall()
    shown = found[:PAGE]
    acting.audit(conn, "view_provider_day", None, what=mine.code, day=str(day), visits=len(shown))
    onward = shown[-1].id if len(found) > PAGE else None
    return mine, Day(visits=shown, number=counted[0], unnamed=counted[1], onward=onward)


def unfit_among(conn: Connection[Any], mine: desk.Provider, visits: list[Visit]) -> dict[int, tuple[str, str]]:
    """Say of which visits that nobody has begun whoever is named may not go by now, and why."""
    return unfit.of_orders(
        conn,
        {one.id: (mine.id, one.work, one.planned_start, one.staff) for one in visits if one.state == "assigned"},
    )


def free(conn: Connection[Any], mine: desk.Provider, visits: list[Visit]) -> dict[int, list[Person]]:
    """The people who can do each visit that nobody has begun, the free ones first, by the visit's number."""
    slots = {
        one.id: Slot(one.work, one.planned_start, one.planned_minutes)
        for one in visits if one.state in ("planned", "assigned")
    }  # fmt: skip
    able = people_by_slot(conn, mine.id, set(slots.values()))
    return {number: able[slot] for number, slot in slots.items()}


def show_link(conn: Connection[Any], acting: Acting, order_id: int, reason: str) -> tuple[str, dt.datetime]:
    """Make a new door link of a visit, shown once to one's own organisation: its subject, and the visit's time.

    The person named is told by the rounds, and the link before is over. Raises ProvisioningError, NotFoundError.
    """
    mine = desk.of(conn, acting)
    with conn.transaction():
        row = conn.execute(
            "SELECT s.code, o.state, o.planned_start, o.resident_id FROM service_order o JOIN staff s"
            " ON s.id = o.staff_id WHERE o.id = %s AND o.organisation_id = %s FOR UPDATE OF o",
            (order_id, mine.id),
        ).fetchone()
        if row is None:
            acting.audit(conn, "refused_view_service_order", None, service_order=order_id)
            raise store.missing()
        staff, state, start, resident_id = row
        subject = door_links.show(conn, order_id, staff, state, start, store.doer(acting), reason, acting.at)
        acting.audit(conn, "show_door_link", resident_id, service_order=order_id, staff=staff, reason=reason[:200])
    return subject, start


def assign(conn: Connection[Any], acting: Acting, order_id: int, staff: str, seen: int) -> None:
    """Name who of one's own people goes; '' for nobody yet. Raises ProvisioningError with the field, NotFoundError,
    ChangedMeanwhileError."""
    mine = desk.of(conn, acting)
    with conn.transaction():
        row = conn.execute(
            "SELECT o.version, o.state, c.work, o.staff_id, o.resident_id, o.planned_start FROM service_order o"
            " JOIN care_service c ON c.code = o.service WHERE o.id = %s AND o.organisation_id = %s FOR UPDATE OF o",
            (order_id, mine.id),
        ).fetchone()
        if row is None:
            acting.audit(conn, "refused_view_service_order", None, service_order=order_id)
            raise store.missing()
        version, state, work, before, resident_id, start = row
        if version != seen:
            raise store.changed(conn, order_id)
        staff_id = None if not staff else check_staff(conn, staff, mine.id, work, start)
        if staff_id == before:
            return
        step: Step = "unassign" if staff_id is None else "assign"
        target = next_state(state, step)
        conn.execute(
            "UPDATE service_order SET staff_id = %s, state = %s, version = version + 1 WHERE id = %s",
            (staff_id, target, order_id),
        )
        store.add_event(
            conn, order_id, step, state, target, store.doer(acting), acting.at, detail={"staff": staff}
        )  # fmt: skip
        acting.audit(conn, "assign_service_order", resident_id, service_order=order_id, staff=staff)
