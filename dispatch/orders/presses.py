"""Take each press of a telephone once, however often and in whatever order the telephone delivers it.

A press has a key that the telephone makes; the key, the effect and the answer are stored in one transaction. Without a
signal a press is delivered later: its step then has the time of the press, and both times are stored.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import psycopg

from dispatch.alerts.states import LifecycleError
from dispatch.orders.states import OrderError
from vocabulary.times import SHANGHAI

Result = Literal["done", "already", "refused"]
"""``already``: the order had come so far by other hands, and the time was noted; ``refused``: not possible any more."""
LATEST = dt.timedelta(hours=12)
"""A press that claims to be older than a link can be is taken as this old."""
LATE = dt.timedelta(seconds=30)
"""A press delivered later than this is shown with both times."""


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """A press of a button, as it was delivered."""

    key: uuid.UUID
    person: str
    """A recipient as ``kind:key``."""
    action: str
    client_pressed_at: dt.datetime | None
    """By the telephone's clock."""
    pressed_at: dt.datetime
    received_at: dt.datetime

    @property
    def late(self) -> bool:
        """Whether it waited on the telephone."""
        return self.received_at - self.pressed_at > LATE

    @property
    def times(self) -> dict[str, str]:
        """Both times, for the history's details."""
        return {"pressed_at": self.pressed_at.isoformat(), "received_at": self.received_at.isoformat()}

    def words(self) -> tuple[str, str]:
        """Both times in Chinese and English, to stand behind a note; empty for a press that came at once."""
        if not self.late:
            return "", ""
        at, came = (moment.astimezone(SHANGHAI).strftime("%H:%M") for moment in (self.pressed_at, self.received_at))
        return f"（{at} 按下，{came} 收到）", f" (pressed {at}, received {came})"


class Answer(msgspec.Struct, frozen=True):
    """The outcome of a press, and the text for the person who pressed."""

    result: Result
    message_zh: str = ""
    message_en: str = ""


def time_of_press(
    pressed: dt.datetime | None, sent: dt.datetime | None, received: dt.datetime, earliest: dt.datetime
) -> dt.datetime:
    """The time of a press by our clock: its age is the difference of two times of the telephone's own clock, which may
    be wrong. Pure; never after ``received``, nor before ``earliest`` or LATEST ago."""
    if pressed is None:
        return received
    try:
        age = (received if sent is None else sent) - pressed
    except OverflowError:
        age = dt.timedelta(0)
    age = max(dt.timedelta(0), min(age, LATEST))
    return min(received, max(received - age, earliest))


def once(
    conn: psycopg.Connection[Any],
    press: Press,
    effect: Callable[[], Answer],
    on_refusal: Callable[[LifecycleError], None],
    *,
    order_id: uuid.UUID | None = None,
    alert_id: uuid.UUID | None = None,
) -> Answer:
    """Carry out ``effect`` where this press is new, else give the answer that it got; one transaction.

    An effect that raises LifecycleError changes nothing: ``on_refusal`` stores what was pressed for those at the desk.
    Raises OrderError for a key that somebody else's press has.
    """
    with conn.transaction():
        fresh = conn.execute(
            "INSERT INTO field_press (key, person, order_id, alert_id, action, client_pressed_at, pressed_at,"
            " received_at, result) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'done') ON CONFLICT DO NOTHING",
            (
                press.key,
                press.person,
                order_id,
                alert_id,
                press.action,
                press.client_pressed_at,
                press.pressed_at,
                press.received_at,
            ),
        )
        if fresh.rowcount == 0:
            return _stored(conn, press)
        try:
            with conn.transaction():
                answer = effect()
        except LifecycleError as error:
            on_refusal(error)
            answer = Answer("refused", error.message_zh, error.message_en)
        conn.execute(
            "UPDATE field_press SET result = %s, message_zh = %s, message_en = %s WHERE key = %s",
            (answer.result, answer.message_zh, answer.message_en, press.key),
        )
        return answer


def _stored(conn: psycopg.Connection[Any], press: Press) -> Answer:
    row = conn.execute(
        "SELECT result, message_zh, message_en, person FROM field_press WHERE key = %s", (press.key,)
    ).fetchone()
    if row is None or row[3] != press.person:
        raise OrderError(zh="该按钮不属于此链接", en="this button belongs to another link")
    return Answer(*row[:3])
