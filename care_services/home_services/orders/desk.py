"""Service orders as people work on them: one for itself, who goes, another time, cancelled, corrected."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.permissions import Action, may_do
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import amount, offer_of, serves, service
from care_services.home_services.orders import store
from care_services.home_services.orders.people import check_staff
from care_services.home_services.orders.states import Step
from care_services.home_services.orders.store import NewOrder, Order
from vocabulary.times import SHANGHAI

UNDO = dt.timedelta(seconds=30)
LATE = dt.timedelta(seconds=15)
"""A press on "undo" that was made in time and came late still counts."""
FARTHEST = dt.timedelta(days=366)


def order(conn: Connection[Any], acting: Acting, order_id: int, *, audited: bool = True) -> Order:
    """One order; the look is audited, a refused one always. Raises NotFoundError."""
    acting.require(Action.VIEW_CARE, Action.REQUEST_SERVICE)
    return _load(conn, acting, order_id, audited=audited)


def _load(conn: Connection[Any], acting: Acting, order_id: int, *, audited: bool = False) -> Order:
    try:
        found = store.load(conn, order_id)
    except ProvisioningError:
        acting.audit(conn, "refused_view_service_order", service_order=str(order_id)[:40])
        raise
    if not may_see(conn, acting.account, found.resident_id):
        acting.audit(conn, "refused_view_service_order", found.resident_id, service_order=order_id)
        raise store.missing()
    if audited:
        acting.audit(conn, "view_service_order", found.resident_id, service_order=order_id)
    return found


def claimed(conn: Connection[Any], acting: Acting, order_id: int, seen: int) -> Order:
    """The order as the account saw it. Raises ChangedMeanwhileError where somebody else was first."""
    found = _load(conn, acting, order_id)
    if found.version != seen:
        raise store.changed(conn, order_id)
    return found


def add_single(
    conn: Connection[Any],
    acting: Acting,
    resident_code: str,
    code: str,
    organisation: str,
    start: dt.datetime,
    minutes: int | None = None,
    staff: str | None = None,
) -> int:
    """Order a service once, without a plan. Raises ProvisioningError with the field."""
    acting.require(Action.PLAN_SERVICES)
    resident_id = acting.resident(conn, resident_code, "plan_services")
    row = conn.execute("SELECT id FROM organisation WHERE code = %s AND active", (organisation,)).fetchone()
    if row is None:
        raise ProvisioningError(en="choose a provider", zh="请选择服务机构", field="organisation")
    with conn.transaction():
        made = make(conn, acting, resident_id, code, row[0], start, minutes, staff, "single")
        acting.audit(conn, "plan_services", resident_id, service_order=made, service=code)
    return made


def make(
    conn: Connection[Any],
    acting: Acting,
    resident_id: int,
    code: str,
    organisation_id: int,
    start: dt.datetime,
    minutes: int | None,
    staff: str | None,
    source: str,
) -> int:
    """Make an order with the price and the subsidy of its day; part of the caller's transaction, which has asked."""
    check_here(conn, resident_id)
    chosen = service(conn, code)
    length = minutes or chosen.minutes
    if not 5 <= length <= 600:
        raise ProvisioningError(en="between 5 and 600 minutes", zh="时长应在 5 至 600 分钟之间", field="minutes")
    if not acting.at - dt.timedelta(minutes=5) <= start <= acting.at + FARTHEST:
        raise ProvisioningError(en="choose a time from now on, within a year", zh="请选择现在以后、一年以内的时间",
                                field="start")  # fmt: skip
    day = start.astimezone(SHANGHAI).date()
    offer = offer_of(conn, code, organisation_id, day)
    path = conn.execute(
        "SELECT a.path::text FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " JOIN area a ON a.id = h.area_id WHERE r.id = %s",
        (resident_id,),
    ).fetchone()
    if path is None or not serves(offer, path[0]):
        raise ProvisioningError(en="this provider does not serve the area of the home",
                                zh="该机构不服务此住户所在区域", field="organisation")  # fmt: skip
    cost = amount(chosen.unit, offer.price_fen, length)
    new = NewOrder(
        resident_id=resident_id, service=code, organisation_id=organisation_id, source=source, planned_start=start,
        planned_minutes=length, unit=chosen.unit, price_fen=offer.price_fen,
        share=subsidy.share_of(conn, resident_id, code, chosen.work, cost, day),
        staff_id=None if not staff else check_staff(conn, staff, organisation_id, chosen.work, start),
    )  # fmt: skip
    made = store.insert(conn, new, store.doer(acting), acting.at)
    assert made is not None  # noqa: S101 - without a plan nothing stands in its way
    return made


def assign(conn: Connection[Any], acting: Acting, order_id: int, staff: str, seen: int) -> Order:
    """Name who goes; empty: nobody any more. Raises ProvisioningError with the field."""
    acting.require(Action.PLAN_SERVICES)
    with conn.transaction():
        found = claimed(conn, acting, order_id, seen)
        staff_id = None
        if staff:
            staff_id = check_staff(conn, staff, found.organisation_id, found.work, found.planned_start)
        if staff_id == found.staff_id:
            return found
        step: Step = "unassign" if staff_id is None else "assign"
        after = store.change(conn, found, step, store.doer(acting), acting.at, detail={"staff": staff},
                             columns={"staff_id": staff_id})  # fmt: skip
        acting.audit(conn, "assign_service_order", found.resident_id, service_order=order_id, staff=staff)
        return after


def move(conn: Connection[Any], acting: Acting, order_id: int, start: dt.datetime, seen: int, note: str = "") -> Order:
    """Put an order to another time from now on; price and subsidy are those of its day. Raises ProvisioningError with
    the field."""
    acting.require(Action.PLAN_SERVICES)
    if not acting.at <= start <= acting.at + FARTHEST:
        raise ProvisioningError(en="choose a time from now on, within a year", zh="请选择现在以后、一年以内的时间",
                                field="start")  # fmt: skip
    with conn.transaction():
        found = claimed(conn, acting, order_id, seen)
        detail = {"from": found.planned_start.isoformat(), "to": start.isoformat()}
        columns: dict[str, Any] = {"planned_start": start, "missed_at": None}
        day = start.astimezone(SHANGHAI).date()
        if day != found.planned_start.astimezone(SHANGHAI).date():
            columns |= _of_day(conn, found, day)
        after = store.change(conn, found, "move", store.doer(acting), acting.at, note=_words(note), detail=detail,
                             columns=columns)  # fmt: skip
        acting.audit(conn, "move_service_order", found.resident_id, service_order=order_id, **detail)
        return after


def _of_day(conn: Connection[Any], found: Order, day: dt.date) -> dict[str, Any]:
    """The columns of an order's price and subsidy on another day. Raises ProvisioningError where it has no price."""
    price = offer_of(conn, found.service, found.organisation_id, day).price_fen
    cost = amount(found.unit, price, found.planned_minutes)
    share = subsidy.share_of(conn, found.resident_id, found.service, found.work, cost, day)
    return {
        "price_fen": price, "amount_fen": cost, "subsidy_fen": share.subsidy_fen, "own_fen": share.own_fen,
        "subsidy_rule": share.rule, "subsidy_open": share.open,
    }  # fmt: skip


def close(conn: Connection[Any], acting: Acting, order_id: int, step: str, seen: int, note: str) -> Order:
    """Cancel an order, note that nobody came, or that the door was refused; with the reason, which is asked for.

    The carer who has the order may note the refusal, too. Raises ProvisioningError with the field.
    """
    if step not in ("cancel", "miss", "refuse"):
        raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    if not note.strip():
        raise ProvisioningError(en="say why", zh="请填写原因", field="note")
    with conn.transaction():
        found = claimed(conn, acting, order_id, seen)
        own = step == "refuse" and found.staff_account_id == acting.account.id and may_do(acting.account, Action.SERVE)
        if not own:
            acting.require(Action.PLAN_SERVICES)
        after = store.change(conn, found, step, store.doer(acting), acting.at, note=_words(note))  # type: ignore[arg-type]
        acting.audit(conn, f"{step}_service_order", found.resident_id, service_order=order_id)
        return after


def undo(conn: Connection[Any], acting: Acting, order_id: int, seen: int) -> Order:
    """Take one's own cancellation, miss or refusal back within 30 s; later the station brings it back by itself."""
    with conn.transaction():
        found = claimed(conn, acting, order_id, seen)
        acting.require(Action.PLAN_SERVICES, Action.SERVE)
        row = conn.execute(
            "SELECT at, account_id FROM service_order_event WHERE order_id = %s ORDER BY id DESC LIMIT 1", (order_id,)
        ).fetchone()
        if row is None or row[1] != acting.account.id or acting.at - row[0] > UNDO + LATE:
            raise ChangedMeanwhileError(en="the 30 seconds are over, or somebody else has gone on",
                                        zh="已超过 30 秒，或他人已继续处理，不能撤销")  # fmt: skip
        return _reopen(conn, acting, found)


def reopen(conn: Connection[Any], acting: Acting, order_id: int, seen: int) -> Order:
    """Bring back an order that was cancelled, missed or refused."""
    acting.require(Action.PLAN_SERVICES)
    with conn.transaction():
        return _reopen(conn, acting, claimed(conn, acting, order_id, seen))


def _reopen(conn: Connection[Any], acting: Acting, found: Order) -> Order:
    check_here(conn, found.resident_id)
    who = store.doer(acting)
    after = store.change(conn, found, "reopen", who, acting.at)
    if after.staff_id is not None:
        after = store.change(conn, after, "assign", who, acting.at)
    acting.audit(conn, "reopen_service_order", found.resident_id, service_order=found.id)
    return after


def correct(
    conn: Connection[Any], acting: Acting, order_id: int, minutes: int, seen: int, note: str
) -> Order:  # fmt: skip
    """Correct the minutes of a visit that was done, with the reason; its cost follows.

    A visit that is settled stays in its settlement: the difference comes into the next one.
    """
    acting.require(Action.PLAN_SERVICES)
    if not 0 <= minutes <= 1440:
        raise ProvisioningError(en="between 0 and 1440 minutes", zh="时长应在 0 至 1440 分钟之间", field="minutes")
    if not note.strip():
        raise ProvisioningError(en="say why", zh="请填写原因", field="note")
    with conn.transaction():
        found = claimed(conn, acting, order_id, seen)
        cost = amount(found.unit, found.price_fen, minutes) if minutes else 0
        day = found.planned_start.astimezone(SHANGHAI).date()
        share = subsidy.share_of(conn, found.resident_id, found.service, found.work, cost, day)
        columns: dict[str, Any] = {
            "done_minutes": minutes, "amount_fen": cost, "subsidy_fen": share.subsidy_fen, "own_fen": share.own_fen,
            "subsidy_rule": share.rule, "subsidy_open": share.open, "to_correct": found.settlement_id is not None,
        }  # fmt: skip
        detail = {"minutes": [found.done_minutes, minutes], "amount_fen": [found.amount_fen, cost]}
        after = store.change(conn, found, "correct", store.doer(acting), acting.at, note=_words(note), detail=detail,
                             columns=columns)  # fmt: skip
        acting.audit(conn, "correct_service_order", found.resident_id, service_order=order_id, **detail)
        return after


def _words(note: str) -> str:
    return note.strip()[:400]
