"""Notify people of a work order through :mod:`dispatch.channels`, in the transaction of the step itself."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from care_network.duty.centers import desk_of
from care_network.records.contacts import family_of
from dispatch.channels.notifications import RATING, Page, Recipient, enqueue
from dispatch.core.links import LinkKeys
from dispatch.orders.store import Order

PAGE = "work_order"
"""Purpose of the link to the phone page of an order; its subject is the order's id, its person ``staff:CODE``."""
PAGE_FOR = dt.timedelta(hours=12)
RATING_FOR = dt.timedelta(days=7)
AFTER_OFFERS = 1000
"""Steps of messages from here on are no number of an offer."""


def ask_person(conn: psycopg.Connection[Any], order: Order, at: dt.datetime) -> None:
    """Notify the person to whom the order is offered. A planned order is only in their list on the console."""
    if order.alert_id is not None and order.staff_code is not None:
        _notify(conn, order.alert_id, order, Recipient("staff", order.staff_code), at)


def notify_desk(conn: psycopg.Connection[Any], order: Order, at: dt.datetime) -> None:
    """Notify the dispatch desk of the place that nobody fits, so that it telephones."""
    desk = desk_of(conn, order.area_path)
    if order.alert_id is not None and desk is not None:
        _notify(conn, order.alert_id, order, Recipient("organisation", desk[1]), at)


def notify_desk_of_visit(conn: psycopg.Connection[Any], order: Order, at: dt.datetime) -> None:
    """Notify the dispatch desk of the place that a visit ended without an end of the alert: nobody opened."""
    desk = desk_of(conn, order.area_path)
    if order.alert_id is not None and desk is not None:
        enqueue(
            conn, alert_id=order.alert_id, step=AFTER_OFFERS + order.version, round=order.round, reason="work_order",
            at=at, recipients=[Recipient("organisation", desk[1])],
        )  # fmt: skip


def tell_it_is_off(conn: psycopg.Connection[Any], order: Order, at: dt.datetime) -> None:
    """Tell the person who was on the way with an order, as it was before, that they need not go.

    Their telephone may be in a pocket. Nobody who was only asked gets it: the order's page says so; and a planned order
    is only in their list.
    """
    if (
        order.alert_id is not None
        and order.staff_code is not None
        and order.state in ("accepted", "en_route", "arrived")
    ):
        enqueue(
            conn, alert_id=order.alert_id, step=order.version, round=order.round, reason="order_off", at=at,
            recipients=[Recipient("staff", order.staff_code)],
        )  # fmt: skip


def ask_desk_for_support(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, area_path: str, number: int, round_: int, at: dt.datetime
) -> None:
    """Notify the dispatch desk of the place that somebody at the door wants support; ``number``: another for each time
    that they ask."""
    desk = desk_of(conn, area_path)
    if desk is not None:
        enqueue(
            conn, alert_id=alert_id, step=AFTER_OFFERS + number, round=round_, reason="support", at=at,
            recipients=[Recipient("organisation", desk[1])],
        )  # fmt: skip


def ask_for_rating(conn: psycopg.Connection[Any], order: Order, at: dt.datetime) -> None:
    """Invite the family to rate a visit that is done: the first contact to whom the resident agrees, by the contact's
    own channels, never by the telephone of the person who was there.

    A planned visit is only on the family's page of the console.
    """
    if order.alert_id is None or order.resident_id is None:
        return
    for member in family_of(conn, order.household_id, order.resident_id, at)[:1]:
        _notify(conn, order.alert_id, order, Recipient("contact", member.key), at, Page("rate", RATING, str(order.id)))


def page_path(
    keys: LinkKeys, order_id: uuid.UUID, staff_code: str, at: dt.datetime, parent_until: dt.datetime | None = None
) -> str:
    """Sign the path of the phone page for the person who is asked to go; it works for twelve hours.

    ``parent_until``: the end of the link that led here, which no link made from it outlives.
    """
    return f"/w/{keys.sign(PAGE, str(order_id), f'staff:{staff_code}', _end(at + PAGE_FOR, parent_until))}"


def path_of_message(
    conn: psycopg.Connection[Any],
    keys: LinkKeys,
    message_id: int,
    person: str,
    at: dt.datetime,
    parent_until: dt.datetime,
) -> str | None:
    """Find the phone page of the work order that a message to ``person`` (``staff:CODE``) is about; of several the one
    they still have. None where the message is about something else."""
    kind, _, code = person.partition(":")
    row = conn.execute(
        """
        SELECT o.id FROM message m JOIN notification n ON n.message_id = m.id
        JOIN work_order o ON o.alert_id = n.alert_id AND o.round = n.round
        LEFT JOIN staff s ON s.id = o.staff_id
        WHERE m.id = %s AND m.reason IN ('work_order', 'order_off')
          AND m.recipient_kind = 'staff' AND m.recipient_key = %s
        ORDER BY s.code IS NOT DISTINCT FROM %s DESC, o.state IN ('done', 'cancelled'), o.created_at LIMIT 1
        """,
        (message_id, code, code),
    ).fetchone()
    return None if row is None or kind != "staff" else page_path(keys, row[0], code, at, parent_until)


def rating_path(keys: LinkKeys, order_id: uuid.UUID, resident_code: str, at: dt.datetime) -> str:
    """Sign the path of the page on which a contact of the resident rates a visit, once; it works for a week."""
    return f"/rate/{keys.sign(RATING, str(order_id), f'contact:{resident_code}', at + RATING_FOR)}"


def _end(wanted: dt.datetime, parent_until: dt.datetime | None) -> dt.datetime:
    return wanted if parent_until is None else min(wanted, parent_until)


def _notify(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    order: Order,
    recipient: Recipient,
    at: dt.datetime,
    page: Page | None = None,
) -> None:
    # The step counts the offers and the round the alert's orders: asked again later is a new message.
    enqueue(
        conn, alert_id=alert_id, step=order.asked, round=order.round, recipients=[recipient], reason="work_order",
        at=at, page=page,
    )  # fmt: skip
