"""Load and change service orders in the database: rows, their history, and the one function that changes a row."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.errors import ChangedMeanwhileError, NotFoundError
from care_services.core.acting import Acting
from care_services.home_services.catalogue.subsidy import Share
from care_services.home_services.orders.states import State, Step, next_state
from vocabulary.times import SHANGHAI


class Doer(msgspec.Struct, frozen=True):
    """The doer of a step, as the history names them. ``account_id`` None: the platform, or a panel."""

    account_id: int | None
    name: str


SYSTEM = Doer(None, "系统")


def doer(acting: Acting) -> Doer:
    """The account that acts."""
    return Doer(acting.account.id, acting.account.name_zh)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A service order with the facts needed to go there. Money in fen; degrees CGCS2000, the home's or its area's."""

    id: int
    version: int
    resident_id: int
    service: str
    work: str
    service_zh: str
    service_en: str
    tasks_zh: list[str]
    tasks_en: list[str]
    organisation_id: int
    organisation: str
    provider_zh: str
    provider_en: str
    staff_id: int | None
    staff_code: str | None
    staff_zh: str | None
    staff_en: str | None
    staff_account_id: int | None
    plan_id: int | None
    source: str
    planned_start: dt.datetime
    planned_minutes: int
    state: State
    unit: str
    price_fen: int
    amount_fen: int
    subsidy_fen: int
    own_fen: int
    subsidy_rule: str | None
    subsidy_open: bool
    checked_in_at: dt.datetime | None
    checked_in_by: str | None
    checked_out_at: dt.datetime | None
    done_minutes: int | None
    tasks_done: list[int] | None
    done_note: str
    missed_at: dt.datetime | None
    settlement_id: int | None
    to_correct: bool
    created_at: dt.datetime
    resident_code: str
    resident_zh: str
    resident_en: str
    household_id: int
    address_zh: str
    address_en: str
    phone: str
    area_path: str
    area_zh: str
    area_en: str
    longitude: float | None
    latitude: float | None

    @property
    def planned_end(self) -> dt.datetime:
        return self.planned_start + dt.timedelta(minutes=self.planned_minutes)


COLUMNS: LiteralString = """
    SELECT o.id, o.version, o.resident_id, o.service, c.work, c.name_zh AS service_zh, c.name_en AS service_en,
           c.tasks_zh, c.tasks_en, o.organisation_id, p.code AS organisation, p.name_zh AS provider_zh,
           p.name_en AS provider_en, o.staff_id, s.code AS staff_code, s.name_zh AS staff_zh, s.name_en AS staff_en,
           s.account_id AS staff_account_id, o.plan_id, o.source, o.planned_start, o.planned_minutes, o.state, o.unit,
           o.price_fen, o.amount_fen, o.subsidy_fen, o.own_fen, o.subsidy_rule, o.subsidy_open, o.checked_in_at,
           o.checked_in_by, o.checked_out_at, o.done_minutes, o.tasks_done, o.done_note, o.missed_at, o.settlement_id,
           o.to_correct, o.created_at, r.code AS resident_code, r.name_zh AS resident_zh, r.name_en AS resident_en,
           r.household_id, h.address_zh, h.address_en, h.phone, a.path::text AS area_path, a.name_zh AS area_zh,
           a.name_en AS area_en, coalesce(h.longitude, a.longitude) AS longitude,
           coalesce(h.latitude, a.latitude) AS latitude
    FROM service_order o JOIN care_service c ON c.code = o.service JOIN organisation p ON p.id = o.organisation_id
    JOIN resident r ON r.id = o.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id LEFT JOIN staff s ON s.id = o.staff_id
"""
_OF: LiteralString = "FROM service_order o"


def select(conn: Connection[Any], tail: LiteralString, values: Mapping[str, Any]) -> list[Order]:
    """Load orders by the end of a query (conditions on ``o``, ``a``, ``r``, order and limit)."""
    with conn.cursor(row_factory=class_row(Order)) as cursor:
        return cursor.execute(COLUMNS + tail, values).fetchall()


def select_first(
    conn: Connection[Any], conditions: LiteralString, order: LiteralString, values: Mapping[str, Any]
) -> list[Order]:
    """Load the first orders (``limit``) of a long list: found by their own columns, before anything is joined."""
    found: LiteralString = f"FROM (SELECT * FROM service_order o{conditions}{order} LIMIT %(limit)s) o"  # noqa: S608
    with conn.cursor(row_factory=class_row(Order)) as cursor:
        return cursor.execute(COLUMNS.replace(_OF, found) + order, values).fetchall()


def load(conn: Connection[Any], order_id: int) -> Order:
    """Load one order. Raises NotFoundError for none that the viewer sees."""
    found = select(conn, " WHERE o.id = %(id)s", {"id": order_id}) if 0 < order_id < 2**63 else []
    if not found:
        raise missing()
    return found[0]


def missing() -> NotFoundError:
    """The refusal of an order that is not there, or that the viewer may not see."""
    return NotFoundError(en="there is no such visit", zh="没有这张服务单")


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A service order to be made. ``slot``: of a plan, its own time for it."""

    resident_id: int
    service: str
    organisation_id: int
    source: str
    planned_start: dt.datetime
    planned_minutes: int
    unit: str
    price_fen: int
    share: Share
    staff_id: int | None = None
    plan_id: int | None = None
    slot: dt.datetime | None = None


def insert(conn: Connection[Any], new: NewOrder, who: Doer, at: dt.datetime) -> int | None:
    """Make an order with its first event; None where the plan has one for that slot already."""
    return next(iter(insert_many(conn, [new], who, at)), None)


_NEW: LiteralString = """
    INSERT INTO service_order (resident_id, service, organisation_id, staff_id, plan_id, plan_slot, source,
        planned_start, planned_minutes, state, unit, price_fen, amount_fen, subsidy_fen, own_fen, subsidy_rule,
        subsidy_open, created_at)
    SELECT resident, service, organisation, staff, plan, slot, source, start, minutes,
           CASE WHEN staff IS NULL THEN 'planned' ELSE 'assigned' END, unit, price, amount, subsidy, amount - subsidy,
           rule, open, %(at)s
    FROM unnest(%(resident)s::int[], %(service)s::text[], %(organisation)s::int[], %(staff)s::int[], %(plan)s::int[],
        %(slot)s::timestamptz[], %(source)s::text[], %(start)s::timestamptz[], %(minutes)s::int[], %(unit)s::text[],
        %(price)s::int[], %(amount)s::int[], %(subsidy)s::int[], %(rule)s::text[], %(open)s::boolean[])
        AS n (resident, service, organisation, staff, plan, slot, source, start, minutes, unit, price, amount, subsidy,
              rule, open)
    ON CONFLICT (plan_id, plan_slot) DO NOTHING RETURNING id
"""


def insert_many(conn: Connection[Any], orders: Sequence[NewOrder], who: Doer, at: dt.datetime) -> list[int]:
    """Make orders with their first events; the numbers of those that are new, without slots that have one already.

    Told to the database column by column: a fortnight of the district is 50,000 orders.
    """
    if not orders:
        return []
    columns = {
        "resident": [new.resident_id for new in orders], "service": [new.service for new in orders],
        "organisation": [new.organisation_id for new in orders], "staff": [new.staff_id for new in orders],
        "plan": [new.plan_id for new in orders], "slot": [new.slot for new in orders],
        "source": [new.source for new in orders], "start": [new.planned_start for new in orders],
        "minutes": [new.planned_minutes for new in orders], "unit": [new.unit for new in orders],
        "price": [new.price_fen for new in orders], "amount": [new.share.amount_fen for new in orders],
        "subsidy": [new.share.subsidy_fen for new in orders], "rule": [new.share.rule for new in orders],
        "open": [new.share.open for new in orders],
    }  # fmt: skip
    made = [row[0] for row in conn.execute(_NEW, {**columns, "at": at}).fetchall()]
    conn.execute(
        "INSERT INTO service_order_event (order_id, at, action, to_state, account_id, actor)"
        " SELECT id, %s, 'create', state, %s, %s FROM service_order WHERE id = ANY (%s) ORDER BY id",
        (at, who.account_id, who.name, made),
    )
    return made


def change(
    conn: Connection[Any],
    order: Order,
    step: Step,
    who: Doer,
    at: dt.datetime,
    *,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> Order:
    """Apply a step to the order as it was read, with further columns of its row; part of the caller's transaction.

    Raises ChangedMeanwhileError where the step is not possible, or somebody else was first.
    """
    target = next_state(order.state, step)
    values = {"state": target, **(columns or {})}
    setting = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    row = conn.execute(
        sql.SQL("UPDATE service_order SET {}, version = version + 1 WHERE id = %(id)s AND version = %(seen)s").format(
            setting
        ),
        {**values, "id": order.id, "seen": order.version},
    )
    if not row.rowcount:
        raise changed(conn, order.id)
    add_event(conn, order.id, step, order.state, target, who, at, note, detail)
    return load(conn, order.id)


def add_event(
    conn: Connection[Any],
    order_id: int,
    action: str,
    before: str | None,
    after: str,
    who: Doer,
    at: dt.datetime,
    note: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append a line to the history of an order."""
    conn.execute(
        "INSERT INTO service_order_event (order_id, at, action, from_state, to_state, account_id, actor, note, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (order_id, at, action, before, after, who.account_id, who.name, note, Jsonb(dict(detail or {}))),
    )


def changed(conn: Connection[Any], order_id: int) -> ChangedMeanwhileError:
    """Make the error for the second of two people, with the name of the first."""
    row = conn.execute(
        "SELECT at, actor FROM service_order_event WHERE order_id = %s ORDER BY id DESC LIMIT 1", (order_id,)
    ).fetchone()
    if row is None:
        return ChangedMeanwhileError(en="this visit was changed meanwhile", zh="该服务单刚被修改，请刷新查看")
    clock = row[0].astimezone(SHANGHAI).strftime("%H:%M:%S")
    return ChangedMeanwhileError(
        zh=f"{row[1]} 已于 {clock} 更新了这张服务单，请查看最新状态",
        en=f"{row[1]} changed this visit at {clock}; look at it again",
    )


def history(conn: Connection[Any], order_id: int) -> list[dict[str, Any]]:
    """The history of an order, the oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT e.at, e.action, e.from_state, e.to_state, e.actor, e.note, e.detail,"
            " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en FROM service_order_event e"
            " WHERE e.order_id = %s ORDER BY e.id",
            (order_id,),
        ).fetchall()


def of_staff(conn: Connection[Any], staff_id: int, since: dt.datetime, until: dt.datetime) -> list[Order]:
    """The orders of a person between two times, in order."""
    return select(
        conn,
        " WHERE o.staff_id = %(staff)s AND o.planned_start >= %(since)s AND o.planned_start < %(until)s"
        " AND o.state <> 'cancelled' ORDER BY o.planned_start, o.id",
        {"staff": staff_id, "since": since, "until": until},
    )


def of_resident(conn: Connection[Any], resident_id: int, since: dt.datetime, until: dt.datetime) -> Sequence[Order]:
    """The orders for a resident between two times, in order."""
    return select(
        conn,
        " WHERE o.resident_id = %(resident)s AND o.planned_start >= %(since)s AND o.planned_start < %(until)s"
        " ORDER BY o.planned_start, o.id",
        {"resident": resident_id, "since": since, "until": until},
    )
