"""Store how residents and families rate a visit: one to five stars, and a comment."""

import datetime as dt
import uuid
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from dispatch.channels.notifications import RATING
from dispatch.orders.states import OrderError

RatedBy = Literal["resident", "family", "door"]
"""``resident`` and ``door`` (on the telephone of the carer, who stands by) are those of older programs."""
WORDS = {
    1: ("很不满意", "very poor"),
    2: ("不满意", "poor"),
    3: ("一般", "fair"),
    4: ("满意", "good"),
    5: ("很满意", "very good"),
}
LONGEST = 1000


def rate(
    conn: psycopg.Connection[Any],
    order_id: uuid.UUID,
    rated_by: RatedBy,
    stars: int,
    words: str,
    at: dt.datetime,
    account_id: int | None = None,
) -> None:
    """Store a rating of a visit that was done; each side rates once. Raises OrderError with what to do."""
    if stars not in WORDS:
        raise OrderError(zh="请选择 1 至 5 星", en="choose one to five stars")
    if len(words) > LONGEST:
        raise OrderError(zh=f"评价请不超过 {LONGEST} 字", en=f"at most {LONGEST} characters")
    row = conn.execute(
        """
        INSERT INTO work_order_rating (order_id, rated_by, stars, words, at, account_id)
        SELECT id, %s, %s, %s, %s, %s FROM work_order WHERE id = %s AND state = 'done'
        ON CONFLICT DO NOTHING RETURNING order_id
        """,
        (rated_by, stars, words.strip(), at, account_id, order_id),
    ).fetchone()
    if row is None:
        raise OrderError(zh="该服务尚未完成或已评价", en="this visit is not done yet, or was rated already")


def check_invited(conn: psycopg.Connection[Any], order_id: uuid.UUID, person: str, now: dt.datetime) -> None:
    """Check that a link's person (``contact:RESIDENT``) still is a contact of the resident who was visited; where
    a message went to one of several, that one.

    Read anew at each look: a contact who was deleted, or whose consent ended, rates no more. Raises OrderError.
    """
    kind, _, resident = person.partition(":")
    row = conn.execute(
        """
        SELECT FROM work_order o JOIN resident r ON r.id = o.resident_id
        JOIN contact c ON c.resident_id = r.id AND c.consent_at <= %s
        LEFT JOIN notification n
            ON n.alert_id = o.alert_id AND n.page ->> 'purpose' = %s AND n.page ->> 'subject' = o.id::text
        WHERE o.id = %s AND r.code = %s AND (n.id IS NULL OR n.recipient_key = r.code || '/' || c.phone)
        """,
        (now, RATING, order_id, resident),
    )
    if kind != "contact" or row.rowcount == 0:
        raise OrderError(zh="该链接不再有效，请致电值班台", en="this link is no longer valid; call the duty center")


def of_order(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> list[dict[str, Any]]:
    """List the ratings of an order, the oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT rated_by, stars, words, at FROM work_order_rating WHERE order_id = %s ORDER BY at", (order_id,)
        ).fetchall()
