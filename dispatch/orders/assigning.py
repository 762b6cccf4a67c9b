"""Send somebody to the door: make a work order, ask the best person, and the next one where they decline.

Every function is one transaction (or part of the caller's). A person is locked while being asked, and skipped while
somebody else is asking: two dispatchers at once never send the same person to two doors.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg

from care_network.catalogues.services import SERVICES, service_for
from care_network.matching.crew import Crew
from care_network.matching.matching import Candidate, Job, Match, match
from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.states import TRANSITIONS, AlertAction
from dispatch.core.history import SYSTEM, Actor
from dispatch.orders import messages, photos, store
from dispatch.orders.people import Crews, earlier_visits, jobs_of
from dispatch.orders.states import BY_PERSON, IN_HAND, OrderAction, OrderChanged, OrderError, answer_deadline, next_look
from dispatch.orders.store import NewOrder, Order
from vocabulary.alert_state import OPEN
from vocabulary.rule_words import rule_words
from vocabulary.times import SHANGHAI

TRIED = 12
"""Number of the best candidates that are tried where others are being asked at the same moment."""


def suggest(
    conn: psycopg.Connection[Any], crews: Crews, alert: dict[str, Any], service: str | None, now: dt.datetime
) -> tuple[str, Match]:
    """Choose the service for an alert (a row of ``lookup.load``) and its best three people; gives both.

    Raises OrderError for an unknown service.
    """
    chosen = _service(service or service_for(rule_words(alert["evidence"]).service, alert["severity"]))
    row = conn.execute(
        "SELECT coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude),"
        " coalesce((SELECT languages FROM resident WHERE id = %s), '{}')"
        " FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s",
        (alert["resident_id"], alert["household_id"]),
    ).fetchone()
    assert row is not None  # noqa: S101 - an alert has a household
    resident = alert["resident_id"]
    visits = earlier_visits(conn, [resident], now).get(resident, {}) if resident is not None else {}
    job = Job(
        key="",
        service=chosen,
        urgency=alert["severity"],
        path=alert["area_path"],
        longitude=row[0],
        latitude=row[1],
        languages=tuple(row[2]),
        visits=visits,
    )
    return chosen, match(crews.crew(conn, now, now), job)


def dispatch_alert(
    conn: psycopg.Connection[Any],
    crews: Crews,
    alert_id: uuid.UUID,
    actor: Actor,
    at: dt.datetime,
    *,
    service: str | None = None,
    staff_code: str | None = None,
) -> Order:
    """Make an order for an alert, and offer it to ``staff_code`` or the best person; this acknowledges the alert.

    Raises OrderError where the alert is over or has such an order, or the chosen person cannot be sent any more.
    """
    with conn.transaction():
        alert_id = lookup.lead_of(conn, alert_id)
        found = lifecycle.lock(conn, alert_id)
        alert = lookup.load(conn, alert_id) if found is not None else None
        if found is None or alert is None or found.state not in OPEN:
            raise OrderError(
                zh="该预警已结束或不存在，无需派单", en="this alert is over or does not exist: nobody to send"
            )
        chosen = _service(service or service_for(rule_words(alert["evidence"]).service, alert["severity"]))
        new = NewOrder(
            alert_id=alert_id,
            service=chosen,
            urgency=alert["severity"],
            household_id=alert["household_id"],
            resident_id=alert["resident_id"],
            due_at=at,
            reason_zh=alert["reason_zh"],
            reason_en=alert["reason_en"],
        )
        order = store.load(conn, store.insert(conn, new, actor, at))
        if found.state == "raised":
            words = f"派单：{SERVICES[chosen].zh}"
            lifecycle.act(conn, alert_id, "acknowledge", actor, at, expected_version=found.version, note=words)
        return offer(conn, crews, order, at, actor, only=staff_code)


def plan_service(
    conn: psycopg.Connection[Any],
    service: str,
    resident_code: str,
    due_at: dt.datetime,
    actor: Actor,
    at: dt.datetime,
    *,
    note: str = "",
) -> Order:
    """Make an order for a planned service; the sweeper matches it together with others. Raises OrderError."""
    kind = SERVICES[_service(service)]
    if due_at <= at:
        raise OrderError(zh="预约时间须在现在之后", en="a planned service is for a time to come")
    row = conn.execute("SELECT id, household_id FROM resident WHERE code = %s", (resident_code,)).fetchone()
    if row is None:
        raise OrderError(zh=f"没有老人 {resident_code}", en=f"there is no resident {resident_code!r}")
    zh, en = note or kind.zh, note or kind.en
    with conn.transaction():
        new = NewOrder(
            alert_id=None,
            service=kind.code,
            urgency="planned",
            household_id=row[1],
            resident_id=row[0],
            due_at=due_at,
            reason_zh=zh,
            reason_en=en,
        )
        return store.load(conn, store.insert(conn, new, actor, at))


def offer(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order: Order,
    at: dt.datetime,
    actor: Actor = SYSTEM,
    *,
    first: str | None = None,
    only: str | None = None,
) -> Order:
    """Ask somebody to take an open order: ``only`` this person, or ``first`` this one (staff codes) and then the best.

    Where nobody fits, the order stays open until a later sweep, and the dispatch desk of the place is notified once.
    Raises OrderError where ``only`` cannot be sent.
    """
    with conn.transaction():
        moment = max(order.due_at, at)
        crew = crews.crew(conn, moment, at)
        (job,) = jobs_of(conn, [order], at)
        matched = match(crew, job, best=len(crew.day.people) if first or only else TRIED)
        candidates = sorted(matched.candidates, key=lambda one: one.code != first)
        for candidate in candidates:
            if only is not None and candidate.code != only:
                continue
            if _may_ask(conn, crews, crew, job, candidate, moment, at):
                changed = store.change(
                    conn, order, "offer", actor, at, staff_id=candidate.staff_id,
                    next_at=answer_deadline(order.urgency, at, order.due_at), detail=_why(candidate),
                )  # fmt: skip
                messages.ask_person(conn, changed, at)
                return changed
        if only is not None:
            raise OrderChanged(
                zh=f"{only} 现在不能派出（下班、忙碌、不合适或已拒绝），请重新选择",
                en=f"{only} cannot be sent now (off duty, busy, not able, or declined); choose again",
            )
        return _nobody(conn, order, matched, at)


def act_as_person(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order_id: uuid.UUID,
    action: OrderAction,
    staff_id: int,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int | None = None,
    note: str = "",
    photo: photos.Photo | None = None,
    pressed_at: dt.datetime | None = None,
    detail: dict[str, Any] | None = None,
    to: str | None = None,
) -> Order:
    """Apply a step of the person who has the order. Declined: the next is asked in the same transaction, ``to`` (a
    staff code) before all others.

    ``pressed_at``: when the person did it, where that was before ``at``; the step has this time. ``detail``: kept with
    it in the order's history. Raises OrderError where it is not possible, OrderChanged where the order went to somebody
    else or on meanwhile.
    """
    if action not in BY_PERSON:
        raise OrderError(zh="不支持的操作", en=f"{action!r} is not a step of the person who goes")
    with conn.transaction():
        order = store.lock(conn, order_id)
        if order.staff_id != staff_id:
            raise OrderChanged(
                zh="这张工单已转给他人或已取消，感谢您", en="this order has gone to somebody else, or is off"
            )
        if expected_version is not None and order.version != expected_version:
            raise store.change_error(conn, order_id)
        moment = pressed_at or at
        if action == "accept" and not _sent(conn, staff_id, at):
            # The offer was made before a check was taken back: the next person is asked at once.
            words = "志愿者审查或培训失效，改派他人"
            return offer(conn, crews, store.change(conn, order, "decline", SYSTEM, at, note=words), at)
        changed = store.change(conn, order, action, actor, moment, note=note, detail=detail)
        if photo is not None:
            photos.add(conn, order_id, staff_id, photo, moment)
        _on_alert(conn, order, action, actor, moment, note)
        if action == "finish":
            messages.ask_for_rating(conn, changed, at)
        return offer(conn, crews, changed, at, first=to) if action == "decline" else changed


def reassign(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order_id: uuid.UUID,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    staff_code: str | None = None,
    note: str = "",
) -> Order:
    """Take the order from the person who has it, and ask ``staff_code`` or the best of the others.

    Raises OrderError, OrderChanged.
    """
    with conn.transaction():
        order = store.lock(conn, order_id)
        if order.version != expected_version:
            raise store.change_error(conn, order_id)
        if order.state != "open":
            messages.tell_it_is_off(conn, order, at)
            order = store.change(conn, order, "reassign", actor, at, note=note)
        return offer(conn, crews, order, at, actor, only=staff_code)


def cancel(
    conn: psycopg.Connection[Any],
    order_id: uuid.UUID,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
    note: str = "",
) -> Order:
    """Cancel the order: nobody has to go any more. Raises OrderError, OrderChanged."""
    with conn.transaction():
        order = store.lock(conn, order_id)
        if order.version != expected_version:
            raise store.change_error(conn, order_id)
        messages.tell_it_is_off(conn, order, at)
        return store.change(conn, order, "cancel", actor, at, note=note)


def alternatives(conn: psycopg.Connection[Any], crews: Crews, order: Order, at: dt.datetime) -> tuple[Candidate, ...]:
    """List the best three people to whom the order could go instead."""
    (job,) = jobs_of(conn, [order], at)
    return match(crews.crew(conn, max(order.due_at, at), at), job).candidates


def _service(code: str) -> str:
    if code not in SERVICES:
        raise OrderError(zh=f"没有服务 {code}", en=f"there is no service {code!r}; known: {', '.join(SERVICES)}")
    return code


def _may_ask(
    conn: psycopg.Connection[Any],
    crews: Crews,
    crew: Crew,
    job: Job,
    candidate: Candidate,
    moment: dt.datetime,
    now: dt.datetime,
) -> bool:
    """Lock the person; False where another transaction is asking them, or has since this crew was read."""
    locked = conn.execute(
        "SELECT FROM staff WHERE id = %s AND active FOR NO KEY UPDATE SKIP LOCKED", (candidate.staff_id,)
    )
    if locked.rowcount == 0 or not _sent(conn, candidate.staff_id, now):
        return False
    row = crew.day.row[candidate.staff_id]
    in_hand = conn.execute(
        "SELECT count(*) FROM order_in_hand WHERE staff_id = %s AND state = ANY (%s)",
        (candidate.staff_id, list(IN_HAND)),
    ).fetchone()
    if in_hand is not None and in_hand[0] == int(crew.load[row].sum()):
        return True
    again = match(crews.crew(conn, moment, now), job, best=len(crew.day.people))
    return any(one.staff_id == candidate.staff_id for one in again.candidates)


def _sent(conn: psycopg.Connection[Any], staff_id: int, now: dt.datetime) -> bool:
    """Whether the checks and training of a volunteer let them be sent today; of others there are none."""
    row = conn.execute(
        "SELECT kind <> 'volunteer' OR sent_until IS NULL OR sent_until >= %s FROM staff WHERE id = %s",
        (now.astimezone(SHANGHAI).date(), staff_id),
    ).fetchone()
    return row is not None and bool(row[0])


def _nobody(conn: psycopg.Connection[Any], order: Order, matched: Match, at: dt.datetime) -> Order:
    again = next_look(order.urgency, at)
    if order.told_nobody:
        conn.execute(
            "UPDATE work_order SET next_at = %s WHERE id = %s AND version = %s", (again, order.id, order.version)
        )
        return msgspec.structs.replace(order, next_at=again)
    zh, en = matched.explanation
    removed = {one.constraint: one.people for one in matched.removed}
    detail = {"considered": matched.considered, "removed": removed, "zh": zh, "en": en}
    changed = store.change(conn, order, "unmatched", SYSTEM, at, next_at=again, note=zh, detail=detail)
    messages.notify_desk(conn, changed, at)
    return changed


def _why(candidate: Candidate) -> dict[str, Any]:
    return {
        "score": candidate.score,
        "parts": candidate.parts,
        "zh": list(candidate.reasons_zh),
        "en": list(candidate.reasons_en),
    }


_ALERT_STEP: dict[OrderAction, AlertAction] = {
    "accept": "respond",
    "depart": "respond",
    "arrive": "arrive",
    "finish": "note",
    "note": "note",  # a person works on it: the alert's patience begins again
}


def _on_alert(
    conn: psycopg.Connection[Any], order: Order, action: OrderAction, actor: Actor, at: dt.datetime, note: str
) -> None:
    """Take the alert along with its order: somebody goes, or is at the door. A person closes it, with its outcome."""
    if order.alert_id is None or action not in _ALERT_STEP:
        return
    alert_id = lookup.lead_of(conn, order.alert_id)
    found = lifecycle.lock(conn, alert_id)
    if found is None or found.state not in OPEN:
        return
    step = _ALERT_STEP[action]
    if found.state not in TRANSITIONS[step][0]:
        step = "note"
    words = {"accept": "已接单", "depart": "已出发", "arrive": "已到达", "finish": "上门服务已完成", "note": "备注"}[
        action
    ]
    text = f"工单 {order.number} {words}" + (f"：{note}" if note else "")
    lifecycle.act(conn, alert_id, step, actor, at, expected_version=found.version, note=text, own=False)
