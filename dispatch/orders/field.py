"""Steps of people in the field, from the button on their telephone to orders and alerts; each press counts once.

A step that is not possible any more is told to the person, and stands in the history for those at the desk with all
that came with it.
"""

import contextlib
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import psycopg

from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.states import TRANSITIONS, AlertAction, LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from dispatch.orders import assigning, messages, photos, store
from dispatch.orders.people import Crews
from dispatch.orders.presses import Answer, Press, once
from dispatch.orders.results import read_card, store_result
from dispatch.orders.states import OrderAction, OrderChanged, OrderError, OrderState
from dispatch.orders.store import NewOrder, Order
from vocabulary.alert_state import OPEN, AlertState

FieldAction = Literal["accept", "depart", "arrive", "finish", "note", "decline", "support"]
WORDS: Mapping[str, tuple[str, str]] = {
    "accept": ("接单", "accept"),
    "depart": ("出发", "set out"),
    "arrive": ("到达", "arrive"),
    "finish": ("提交结果", "send the result"),
    "note": ("备注", "note"),
    "decline": ("转给别人", "hand on"),
    "support": ("需要支援", "support wanted"),
}
_BEHIND: Mapping[FieldAction, tuple[OrderState, ...]] = {
    # The order has come so far already: somebody at the desk noted the step by telephone, or it was pressed elsewhere.
    "accept": ("accepted", "en_route", "arrived", "done"),
    "depart": ("en_route", "arrived", "done"),
    "arrive": ("arrived", "done"),
    "finish": ("done",),
}
_ALERT_STEP: Mapping[FieldAction, AlertAction] = {"depart": "respond", "arrive": "arrive"}


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """Things that a press brings along. ``photo``: as it came from the telephone; ``to``: a staff code, to hand the
    order on to; ``card`` and ``injury``: codes of the result."""

    note: str = ""
    photo: bytes | None = None
    card: str = ""
    injury: str = ""
    to: str = ""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person who pressed: a recipient as ``kind:key``, with names and the way they came."""

    key: str
    name_zh: str
    name_en: str
    staff_id: int | None
    account_id: int | None
    origin: str

    @property
    def actor(self) -> Actor:
        return Actor(self.account_id, self.name_zh, self.origin, self.name_en)


def press_on_order(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order_id: uuid.UUID,
    person: Person,
    action: FieldAction,
    press: Press,
    pressed: Pressed,
) -> Answer:
    """Take a step on the order that the person has; see :func:`dispatch.orders.presses.once`."""

    def effect() -> Answer:
        order = store.load(conn, order_id)
        if order.staff_id != person.staff_id or order.staff_id is None:
            raise OrderChanged(
                zh="这张工单已转给他人或已取消，感谢您", en="this order has gone to somebody else, or is off"
            )
        if order.state in _BEHIND.get(action, ()):
            return _note_behind(conn, order, person, action, press, pressed)
        photo, spoilt = _photo(pressed)
        if action == "support":
            _ask_support(conn, crews, order, person.actor, press, pressed.note)
        else:
            _step(conn, crews, order, person, action, press, pressed, photo)
        return spoilt

    def on_refusal(error: LifecycleError) -> None:
        with contextlib.suppress(OrderError):  # there is no such order
            order = store.load(conn, order_id)
            zh, en = _refused_words(person, action, press, pressed, error)
            store.add_note(conn, order, person.actor, press.received_at, zh, {**press.times, "refused": action})
            if order.alert_id is not None:
                history.record(conn, [order.alert_id], press.received_at, "note", zh, en)
            photo, _ = _photo(pressed)
            if photo is not None:
                photos.add(conn, order_id, person.staff_id, photo, press.pressed_at)

    with conn.transaction():
        # Before the press's own row, whose foreign key takes a weaker lock: two of those that want to grow wait for
        # each other.
        store.lock(conn, order_id)
        return once(conn, press, effect, on_refusal, order_id=order_id)


def press_on_alert(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    service: str,
    person: Person,
    action: FieldAction,
    press: Press,
    pressed: Pressed,
) -> Answer:
    """Take a step on an alert of somebody who has no order for it, by the alert's own states."""

    def effect() -> Answer:
        if found is None or found.state not in OPEN:
            raise OrderError(zh="该预警已结束，无需前往", en="this alert has ended; nobody need go")
        step = _alert_step(action, found.state)
        note = _alert_note(person, action, press, pressed, step)
        if action == "finish":
            card, particulars = read_card(service, pressed.card, pressed.injury)
            names = (person.name_zh, person.name_en)
            store_result(conn, alert_id, None, person.key, names, card, particulars, pressed.note, press.pressed_at)
            note = f"{card.zh}{note}" if note else card.zh
        lifecycle.act(conn, alert_id, step, person.actor, press.pressed_at, expected_version=found.version, note=note)
        if action == "support":
            row = lookup.load(conn, alert_id)
            assert row is not None  # noqa: S101 - it is locked
            messages.ask_desk_for_support(conn, alert_id, row["area_path"], found.version, 0, press.received_at)
        behind = action in _ALERT_STEP and step == "note"
        return Answer("already" if behind else "done")

    def on_refusal(error: LifecycleError) -> None:
        zh, en = _refused_words(person, action, press, pressed, error)
        history.record(conn, [alert_id], press.received_at, "note", zh, en)

    with conn.transaction():
        found = lifecycle.lock(conn, alert_id)  # before the press's own row; see press_on_order
        return once(conn, press, effect, on_refusal, alert_id=alert_id)


def _step(
    conn: psycopg.Connection[Any],
    crews: Crews,
    order: Order,
    person: Person,
    action: OrderAction,
    press: Press,
    pressed: Pressed,
    photo: photos.Photo | None,
) -> None:
    late_zh, _ = press.words()
    note = pressed.note
    earliest = last_change(conn, order.id)
    moment = max(press.pressed_at, earliest) if earliest is not None else press.pressed_at
    if action == "finish" and order.alert_id is not None and pressed.card:
        card, particulars = read_card(order.service, pressed.card, pressed.injury)
        names = (person.name_zh, person.name_en)
        store_result(conn, order.alert_id, order.id, person.key, names, card, particulars, pressed.note, moment)
        note = card.zh + (f"：{note}" if note else "")
        if card.outcome is None:
            messages.notify_desk_of_visit(conn, order, press.received_at)
    assigning.act_as_person(
        conn, crews, order.id, action, order.staff_id or 0, person.actor, press.received_at,
        note=note + late_zh, photo=photo, pressed_at=moment, detail=press.times, to=pressed.to or None,
    )  # fmt: skip


def last_change(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> dt.datetime | None:
    """Time of the order's last change of state: no later step is before it."""
    row = conn.execute(
        "SELECT max(at) FROM work_order_event WHERE order_id = %s AND from_state IS DISTINCT FROM to_state",
        (order_id,),
    ).fetchone()
    return None if row is None else row[0]


def _ask_support(
    conn: psycopg.Connection[Any], crews: Crews, order: Order, actor: Actor, press: Press, note: str
) -> None:
    """Ask the next person to come, too, and tell the desk. Raises OrderError where that was done already."""
    if order.state not in ("accepted", "en_route", "arrived") or order.alert_id is None:
        raise OrderError(zh="请先接单，或致电值班台", en="accept the order first, or call the desk")
    now, (late_zh, late_en) = press.received_at, press.words()
    zh = f"{actor.name} 请求支援" + (f"：{note}" if note else "")
    en = f"{actor.name} asks for support" + (f": {note}" if note else "")
    new = NewOrder(
        alert_id=order.alert_id, service=order.service, urgency=order.urgency, household_id=order.household_id,
        resident_id=order.resident_id, due_at=now, reason_zh=zh, reason_en=en, supports=order.id,
    )  # fmt: skip
    try:
        made = store.load(conn, store.insert(conn, new, actor, now))
    except OrderError as error:
        raise OrderError(zh="已在请求支援，请同时致电值班台", en="support is asked for already; call, too") from error
    store.add_note(conn, order, actor, press.pressed_at, zh + late_zh, press.times)
    alert_id = lookup.lead_of(conn, order.alert_id)
    found = lifecycle.lock(conn, alert_id)
    if found is not None and found.state in OPEN:
        lifecycle.act(
            conn, alert_id, "note", actor, press.pressed_at, expected_version=found.version, note=zh + late_zh,
            note_en=en + late_en,
        )  # fmt: skip
    assigning.offer(conn, crews, made, now, actor)
    messages.ask_desk_for_support(conn, alert_id, order.area_path, 0, made.round, now)


def _note_behind(
    conn: psycopg.Connection[Any], order: Order, person: Person, action: FieldAction, press: Press, pressed: Pressed
) -> Answer:
    """Keep the time, note, finding and photo of a step that the order has behind it already."""
    zh, _ = WORDS[action]
    late_zh, _ = press.words()
    note = f"{zh}（此前已登记）" + (f"：{pressed.note}" if pressed.note else "") + late_zh
    if action == "finish" and order.alert_id is not None and pressed.card:
        card, particulars = read_card(order.service, pressed.card, pressed.injury)
        names = (person.name_zh, person.name_en)
        store_result(
            conn, order.alert_id, order.id, person.key, names, card, particulars, pressed.note, press.pressed_at
        )
        note = f"{card.zh}；{note}"
    photo, _ = _photo(pressed)
    if photo is not None:
        photos.add(conn, order.id, person.staff_id, photo, press.pressed_at)
    store.add_note(conn, order, person.actor, press.pressed_at, note, press.times)
    return Answer("already", "这一步此前已登记，时间已补记", "this step was noted already; its time is kept")


def _photo(pressed: Pressed) -> tuple[photos.Photo | None, Answer]:
    """The photo, and the answer: a photo that cannot be read does not hold the step up, and is told."""
    if not pressed.photo:
        return None, Answer("done")
    try:
        return photos.read_photo(pressed.photo), Answer("done")
    except OrderError as error:
        return None, Answer("done", f"已记录，但照片未保存：{error.message_zh}", f"recorded, but no photo: {error}")


def _alert_step(action: FieldAction, state: AlertState) -> AlertAction:
    step = _ALERT_STEP.get(action, "note")
    return step if step == "note" or state in TRANSITIONS[step][0] else "note"


def _alert_note(person: Person, action: FieldAction, press: Press, pressed: Pressed, step: AlertAction) -> str:
    late, _ = press.words()
    said = "" if step != "note" or action in ("note", "finish") else f"{person.name_zh} {WORDS[action][0]}"
    return said + (f"：{pressed.note}" if pressed.note else "") + late


def _refused_words(
    person: Person, action: FieldAction, press: Press, pressed: Pressed, error: LifecycleError
) -> tuple[str, str]:
    late_zh, late_en = press.words()
    zh, en = WORDS[action]
    parts = [part for part in (pressed.card, pressed.injury, pressed.note) if part]
    more = f"；{'，'.join(parts)}" if parts else ""
    return (
        f"{person.name_zh} 按了“{zh}”{late_zh}，未生效：{error.message_zh}{more}",
        f"{person.name_en} pressed {en!r}{late_en}, without effect: {error.message_en}" + more.replace("；", "; "),
    )


FAMILY: Mapping[str, tuple[str, str, str]] = {
    # What a contact can say: the history's action, and its words.
    "coming": ("family_coming", "正赶过去", "is on the way there"),
    "no_contact": ("family_no_contact", "联系不上长者", "cannot reach the resident"),
}


def family_says(conn: psycopg.Connection[Any], alert_ids: Sequence[uuid.UUID], person: Person, press: Press) -> Answer:
    """Write what a contact tells into the histories of these alerts; the alerts stay with those who go there."""

    def effect() -> Answer:
        if press.action not in FAMILY:
            raise OrderError(zh="不支持的操作", en="no such step")
        open_ = conn.execute(
            "SELECT id FROM alert WHERE id = ANY (%s) AND state = ANY (%s)", (list(alert_ids), list(OPEN))
        ).fetchall()
        if not open_:
            raise OrderError(zh="该预警已结束，感谢您", en="this alert has ended; thank you")
        action, zh, en = FAMILY[press.action]
        late_zh, late_en = press.words()
        names = person.name_zh, person.name_en
        history.record(
            conn, [row[0] for row in open_], press.pressed_at, action, f"{names[0]} {zh}{late_zh}",
            f"{names[1]} {en}{late_en}",
        )  # fmt: skip
        return Answer("done")

    with conn.transaction():
        # In the order of their ids, as everywhere; histories refer to them.
        conn.execute("SELECT FROM alert WHERE id = ANY (%s) ORDER BY id FOR KEY SHARE", (list(alert_ids),))
        return once(conn, press, effect, lambda _: None, alert_id=alert_ids[0] if alert_ids else None)
