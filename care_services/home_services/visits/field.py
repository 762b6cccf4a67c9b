"""A visit at the door: check-in by place, by the home's code or by its devices; check-out with what was done."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from care_network.access.permissions import Action, may_do
from care_network.access.visible import may_see
from care_network.errors import NotPermittedError, ProvisioningError
from care_services.core import doors
from care_services.core.acting import Acting
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import amount
from care_services.home_services.orders import store
from care_services.home_services.orders.store import Doer, Order
from care_services.home_services.visits import checking, codes, evidence, unfit
from care_services.home_services.visits.checking import Place
from vocabulary.times import SHANGHAI

EARLIEST = dt.timedelta(hours=3)
"""A visit may begin so long before its time; an earlier one is first moved by the station."""
LATEST = dt.timedelta(hours=12)
"""So long after its time a missed one may still be begun."""
LONGEST_MIN = 720
WRONG_CODE = (
    "入户码不对，请再看一遍住户家中的纸卡或平板",
    "this is not the code of this home: look at the paper or the panel again",
)
"""The words by which the presses with a wrong code are known again and counted."""


def check_in(
    conn: Connection[Any],
    acting: Acting,
    order_id: int,
    how: str,
    pressed_at: dt.datetime,
    *,
    place: Place | None = None,
    code: str = "",
) -> Order:
    """Begin a visit with a proof that one is there. Raises ProvisioningError, which names another way where one fails.

    A refusal is kept by the press that it answers (``core.presses``): five wrong codes close the code.
    """
    order = _mine(conn, acting, order_id)
    if how == "station":
        acting.require(Action.PLAN_SERVICES)
    after = begin(conn, order, store.doer(acting), how, pressed_at, place=place, code=code)
    acting.audit(conn, "check_in_visit", order.resident_id, service_order=order.id, how=how)
    return after


def begin(
    conn: Connection[Any], order: Order, who: Doer, how: str, pressed_at: dt.datetime, *, place: Place | None = None,
    code: str = "",
) -> Order:  # fmt: skip
    """Begin a visit for whoever may, which the caller has seen to; see :func:`check_in`."""
    if pressed_at < order.planned_start - EARLIEST or pressed_at > order.planned_start + LATEST:
        raise ProvisioningError(
            en="it is not the time of this visit: ask the station to move it", zh="不在该服务的时间内，请联系服务站改期"
        )
    if how != "station":
        unfit.refuse(conn, order)
    detail: dict[str, Any]
    match how:
        case "place":
            detail = _by_place(order, place)
        case "code":
            detail = _by_code(conn, order, code, pressed_at)
        case "device":
            detail = _by_device(conn, order, pressed_at)
        case "station":
            detail = {}
        case _:
            raise ProvisioningError(en="choose how to check in", zh="请选择签到方式", field="how")
    staff_id = order.staff_id
    columns = {"checked_in_at": pressed_at, "checked_in_by": how, "staff_id": staff_id}
    return store.change(conn, order, "check_in", who, pressed_at, detail={"how": how, **detail}, columns=columns)


def check_out(
    conn: Connection[Any],
    acting: Acting,
    order_id: int,
    tasks: Sequence[int],
    pressed_at: dt.datetime,
    *,
    note: str = "",
    minutes: int | None = None,
) -> Order:
    """End a visit with what was done. ``tasks``: numbers of the service's tasks, from 1; ``minutes``: of the work where
    that differs from the time between the two presses. A price by the hour is for these minutes, up to the planned
    ones: more is agreed with the station, which corrects it. The subsidy is settled by the rules and facts of the day.
    """
    order = _mine(conn, acting, order_id)
    after = finish(conn, order, store.doer(acting), tasks, pressed_at, note=note, minutes=minutes)
    acting.audit(conn, "check_out_visit", order.resident_id, service_order=order.id, minutes=after.done_minutes)
    return after


def finish(
    conn: Connection[Any], order: Order, who: Doer, tasks: Sequence[int], pressed_at: dt.datetime, *, note: str = "",
    minutes: int | None = None,
) -> Order:  # fmt: skip
    """End a visit for whoever may, which the caller has seen to; see :func:`check_out`."""
    wrong = [number for number in tasks if not 1 <= number <= len(order.tasks_zh)]
    if wrong:
        raise ProvisioningError(en="choose from the list what was done", zh="请从列表中勾选完成的内容", field="tasks")
    begun = order.checked_in_at or pressed_at
    stayed = max(0, min(LONGEST_MIN, round((pressed_at - begun).total_seconds() / 60)))
    done = stayed if minutes is None else minutes
    if not 0 <= done <= LONGEST_MIN:
        raise ProvisioningError(en="between 0 and 720 minutes", zh="时长应在 0 至 720 分钟之间", field="minutes")
    columns: dict[str, Any] = {
        "checked_out_at": max(pressed_at, begun), "done_minutes": done, "tasks_done": sorted(set(tasks)),
        "done_note": note.strip()[:400],
    }  # fmt: skip
    # Whatever the unit: what was not known when the order was made, a fortnight ago, may be known by now.
    cost = order.amount_fen
    if order.unit == "hour":
        cost = amount(order.unit, order.price_fen, min(done, order.planned_minutes))
    day = order.planned_start.astimezone(SHANGHAI).date()
    share = subsidy.share_of(conn, order.resident_id, order.service, order.work, cost, day)
    columns |= {
        "amount_fen": cost, "subsidy_fen": share.subsidy_fen, "own_fen": share.own_fen, "subsidy_rule": share.rule,
        "subsidy_open": share.open,
    }  # fmt: skip
    detail = {"minutes": done, "stayed": stayed, "tasks": sorted(set(tasks))}
    return store.change(conn, order, "check_out", who, pressed_at, note=note.strip()[:400], detail=detail,
                        columns=columns)  # fmt: skip


def shut(
    conn: Connection[Any], acting: Acting, order_id: int, tried: Sequence[str], note: str, pressed_at: dt.datetime
) -> Order:  # fmt: skip
    """Note that nobody opened, with what was tried first: the rounds tell the station at once.

    Raises ProvisioningError with the step that was left out.
    """
    order = _mine(conn, acting, order_id)
    after = nobody_opens(conn, order, store.doer(acting), tried, note, pressed_at)
    acting.audit(conn, "shut_door", order.resident_id, service_order=order.id)
    return after


def nobody_opens(
    conn: Connection[Any], order: Order, who: Doer, tried: Sequence[str], note: str, pressed_at: dt.datetime
) -> Order:  # fmt: skip
    """Note a shut door for whoever may, which the caller has seen to; see :func:`shut`."""
    steps = doors.check(tried, order.phone)
    after = store.change(conn, order, "shut", who, pressed_at, note=note.strip()[:400], detail={"tried": steps})
    doors.shut(conn, order.resident_id, steps, note, (who.account_id, who.name), pressed_at, visit_id=order.id)
    return after


def _mine(conn: Connection[Any], acting: Acting, order_id: int) -> Order:
    """The order, for who has it: the carer named on it, or the station. Raises NotFoundError, NotPermittedError."""
    acting.require(Action.SERVE, Action.PLAN_SERVICES)
    order = store.load(conn, order_id)
    if not may_see(conn, acting.account, order.resident_id):
        acting.audit(conn, "refused_view_service_order", order.resident_id, service_order=order_id)
        raise store.missing()
    if order.staff_account_id != acting.account.id and not may_do(acting.account, Action.PLAN_SERVICES):
        raise NotPermittedError(
            en="this visit is somebody else's: ask the station", zh="该服务单由他人负责，请联系服务站"
        )
    return order


def _by_place(order: Order, place: Place | None) -> dict[str, Any]:
    if place is None:
        raise ProvisioningError(
            en="the telephone gave no place: allow it, or use the home's code",
            zh="手机没有提供定位，请允许定位，或用入户码签到", field="place",
        )  # fmt: skip
    found = checking.nearness(place, order.longitude, order.latitude)
    if not found.near:
        raise ProvisioningError(en=found.en, zh=found.zh, field="place")
    return {"metres": found.metres, "accuracy_m": round(place.accuracy_m)}


def _by_code(conn: Connection[Any], order: Order, given: str, at: dt.datetime) -> dict[str, Any]:
    home = codes.of_home(conn, order.household_id)
    if home is None:
        raise ProvisioningError(
            en="this home has no code yet: check in by place or device, and tell the station",
            zh="该住户还没有入户码，请用定位或家中设备签到，并告知服务站", field="code",
        )  # fmt: skip
    # one guess at a time: many at once would all count the tries before any of them
    conn.execute("SELECT FROM service_order WHERE id = %s FOR UPDATE", (order.id,))
    tried = conn.execute(
        "SELECT count(*) FROM service_press WHERE order_id = %s AND action = 'check_in' AND result = 'refused'"
        " AND message_en = %s",  # a place that was too far has nothing to do with it
        (order.id, WRONG_CODE[1]),
    ).fetchone()
    if tried is not None and tried[0] >= checking.WRONG_CODES:
        raise ProvisioningError(
            en="too many tries: check in by place or device, or call the station",
            zh="尝试次数过多，请用定位或家中设备签到，或致电服务站", field="code",
        )  # fmt: skip
    if not checking.code_holds(home.secret, home.edition, given, at):
        raise ProvisioningError(zh=WRONG_CODE[0], en=WRONG_CODE[1], field="code")
    return {"edition": home.edition}


def _by_device(conn: Connection[Any], order: Order, at: dt.datetime) -> dict[str, Any]:
    found = evidence.of_arrival(conn, order.household_id, at)
    if found is None:
        raise ProvisioningError(
            en="no device of the home has noticed you in the last 10 minutes: open the door once more, or use the code",
            zh="近 10 分钟家中设备没有发现有人进门，请再开关一次门，或用入户码签到", field="how",
        )  # fmt: skip
    return {"event": found.event_id, "kind": found.kind, "device": found.device, "at": found.at.isoformat()}


def enter(conn: Connection[Any], acting: Acting, order: Order, end: dt.datetime, note: str) -> Order:
    """Enter a visit for a carer whose telephone did not work, with the reason: begun as planned, ended at ``end``."""
    acting.require(Action.PLAN_SERVICES)
    if not note.strip():
        raise ProvisioningError(en="say how you know that the visit was done", zh="请填写补登依据", field="note")
    if order.planned_start > acting.at:
        raise ProvisioningError(en="this visit has not begun", zh="该服务尚未到时间")
    who = store.doer(acting)
    with conn.transaction():
        if order.state != "checked_in":
            columns = {"checked_in_at": order.planned_start, "checked_in_by": "station"}
            order = store.change(conn, order, "check_in", who, acting.at, note=note.strip()[:400],
                                 detail={"how": "station"}, columns=columns)  # fmt: skip
        return check_out(conn, acting, order.id, (), min(end, acting.at), note=note)
