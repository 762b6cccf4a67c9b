"""Take each press of a carer's telephone once, however often it is delivered, and as of the time of the press."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from psycopg import Connection, sql

from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.acting import Acting

OLDEST = dt.timedelta(hours=12)
"""A press that claims to be older is taken as this old: the field pages keep them no longer."""


class Answer(msgspec.Struct, frozen=True):
    """The outcome of a press, with the text for who pressed. ``result``: 'done' or 'refused'."""

    result: str
    message_zh: str = ""
    message_en: str = ""


def time_of_press(pressed_ms: int | None, sent_ms: int | None, received: dt.datetime) -> dt.datetime:
    """The time of a press by our clock: its age is the difference of two times of the telephone's own clock. Pure."""
    if pressed_ms is None:
        return received
    age_ms = max(0, (sent_ms if sent_ms is not None else round(received.timestamp() * 1000)) - pressed_ms)
    return received - min(OLDEST, dt.timedelta(milliseconds=min(age_ms, 10**11)))


def once(
    conn: Connection[Any],
    acting: Acting,
    key: str,
    order_id: int,
    action: str,
    pressed_at: dt.datetime,
    effect: Callable[[], None],
    kept_in: Literal["service_press", "meal_press"] = "service_press",
) -> Answer:
    """Carry out ``effect`` where this press is new, else give the answer that it got; one transaction.

    A refusal of the effect changes nothing and is kept with its words. Raises ChangedMeanwhileError for a key that
    somebody else's press has.
    """
    return once_by(conn, acting.account.id, acting.at, key, order_id, action, pressed_at, effect, kept_in)


def once_by(
    conn: Connection[Any],
    account_id: int | None,
    received: dt.datetime,
    key: str,
    order_id: int,
    action: str,
    pressed_at: dt.datetime,
    effect: Callable[[], None],
    kept_in: Literal["service_press", "meal_press"] = "service_press",
) -> Answer:
    """Take a press of whoever has a link (``account_id`` None: no account) once; see :func:`once`."""
    table = sql.Identifier(kept_in)
    with conn.transaction():
        fresh = conn.execute(
            sql.SQL(
                "INSERT INTO {} (key, order_id, account_id, action, pressed_at, stored_at, result)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'done') ON CONFLICT DO NOTHING"
            ).format(table),
            (key, order_id, account_id, action, pressed_at, received),
        )
        if not fresh.rowcount:
            row = conn.execute(
                sql.SQL(
                    "SELECT result, message_zh, message_en FROM {}"
                    " WHERE key = %s AND account_id IS NOT DISTINCT FROM %s AND order_id = %s AND action = %s"
                ).format(table),
                (key, account_id, order_id, action),
            ).fetchone()
            if row is None:
                raise ChangedMeanwhileError(en="this press was sent by somebody else", zh="该操作已由他人提交")
            return Answer(*row)
        try:
            with conn.transaction():
                effect()
        except ProvisioningError as error:
            conn.execute(
                sql.SQL("UPDATE {} SET result = 'refused', message_zh = %s, message_en = %s WHERE key = %s").format(
                    table
                ),
                (error.message_zh, error.message_en, key),
            )
            return Answer("refused", error.message_zh, error.message_en)
        return Answer("done")
