"""The home's own evidence that somebody came in: its door, or a button that was pressed, in the minutes before."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

KINDS: dict[str, tuple[str, str]] = {
    "door_opened": ("家门打开", "the door was opened"),
    "button_test": ("呼叫按钮测试", "the call button was tested"),
}
"""Events of a home that somebody at the door makes, in words."""
BEFORE = dt.timedelta(minutes=10)
AFTER = dt.timedelta(minutes=2)
"""A press comes a little later than the door, and clocks of homes err by seconds."""


class Evidence(msgspec.Struct, frozen=True):
    """An event of a device of the home."""

    event_id: int
    kind: str
    at: dt.datetime
    device: str


def of_arrival(conn: Connection[Any], household_id: int, pressed_at: dt.datetime) -> Evidence | None:
    """The newest event of the home around a press that shows that somebody came in; None: there is none."""
    row = conn.execute(
        """
        SELECT e.id, e.kind, e.time, d.name
        FROM gateway g JOIN device d ON d.gateway_id = g.id
        JOIN LATERAL (
            SELECT e.id, e.kind, e.time FROM event e
            WHERE e.device_id = d.id AND e.time BETWEEN %(since)s AND %(until)s AND e.kind = ANY (%(kinds)s)
            ORDER BY e.time DESC LIMIT 1
        ) e ON true
        WHERE g.household_id = %(home)s ORDER BY e.time DESC LIMIT 1
        """,
        {"home": household_id, "since": pressed_at - BEFORE, "until": pressed_at + AFTER, "kinds": list(KINDS)},
    ).fetchone()
    return None if row is None else Evidence(*row)
