"""Store how residents and families rate a visit: one to five stars, and a comment."""

import datetime as dt
import uuid
from typing import Any, Literal, get_args

import psycopg
from psycopg.rows import dict_row

from dispatch.orders.states import OrderError

RatedBy = Literal["resident", "family", "door"]
"""``door``: on the telephone of the carer, who stands by: it says less than one from the resident's own."""
RATERS: tuple[RatedBy, ...] = get_args(RatedBy)
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


def of_order(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> list[dict[str, Any]]:
    """List the ratings of an order, the oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT rated_by, stars, words, at FROM work_order_rating WHERE order_id = %s ORDER BY at", (order_id,)
        ).fetchall()
