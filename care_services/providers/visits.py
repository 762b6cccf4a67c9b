"""A provider's visits of a day, and who goes. Name and door come by ``provider_doors``: a day before until a day after.

The database shows people of a provider no resident (:mod:`database.rights`); that function alone tells them what an
order needs, and nothing once the day after is over.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core.acting import Acting
from care_services.home_services.orders import store
from care_services.home_services.orders.people import Person, check_staff, people
from care_services.home_services.orders.states import State, Step, next_state
from care_services.home_services.visits import door_links, unfit
from care_services.providers import desk
from vocabulary.times import SHANGHAI

MOST = 300
"""Visits of one provider that a page of a day shows."""
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


_DAY = """
    SELECT o.id, o.version, c.work, c.name_zh AS service_zh, c.name_en AS service_en, o.planned_start,
           o.planned_minutes, o.state, s.code AS staff, s.name_zh AS staff_zh, s.name_en AS staff_en, o.checked_in_at,
           o.checked_out_at, d.name_zh, d.name_en, d.area_zh, d.area_en, d.address_zh, d.address_en, d.phone, d.note
    FROM service_order o JOIN care_service c ON c.code = o.service LEFT JOIN staff s ON s.id = o.staff_id
    LEFT JOIN provider_doors(%(since)s, %(until)s) d ON d.order_id = o.id
    WHERE o.organisation_id = %(mine)s AND o.planned_start >= %(since)s AND o.planned_start < %(until)s
      AND o.state <> 'cancelled'
    ORDER BY o.planned_start, o.id LIMIT %(most)s
"""


def of_day(conn: Connection[Any], acting: Acting, day: dt.date) -> tuple[desk.Provider, list[Visit]]:
    """The provider's visits of a day in Shanghai, in order; the look is audited."""
    mine = desk.of(conn, acting)
    since = dt.datetime.combine(day, dt.time(), SHANGHAI)
    values = {"mine": mine.id, "since": since, "until": since + dt.timedelta(days=1), "most": MOST}
    with conn.cursor(row_factory=class_row(Visit)) as cursor:
        found = cursor.execute(_DAY, values).fetchall()
    acting.audit(conn, "view_provider_day", None, what=mine.code, day=str(day), visits=len(found))
    return mine, found


def unfit_among(conn: Connection[Any], mine: desk.Provider, visits: list[Visit]) -> dict[int, tuple[str, str]]:
    """Say of which visits that nobody has begun whoever is named may not go by now, and why."""
    return unfit.of_orders(
        conn,
        {one.id: (mine.id, one.work, one.planned_start, one.staff) for one in visits if one.state == "assigned"},
    )


def free(conn: Connection[Any], mine: desk.Provider, visits: list[Visit]) -> dict[int, list[Person]]:
    """The people who can do each visit that nobody has begun, the free ones first, by the visit's number."""
    asked: dict[tuple[str, dt.datetime, int], list[Person]] = {}
    found = {}
    for one in visits:
        if one.state in ("planned", "assigned"):
            key = (one.work, one.planned_start, one.planned_minutes)
            if key not in asked:
                asked[key] = people(conn, [mine.id], *key)
            found[one.id] = asked[key]
    return found


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
