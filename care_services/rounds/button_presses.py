"""Presses of service buttons in homes: each becomes a request, or belongs to one; impatience is told to the station."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.one_tap import buttons
from care_services.rounds.outside import Outside
from care_services.rounds.requests import called_key


def look(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Take the presses that came since the last turn; how many."""
    taken = buttons.take_new(conn, now)
    for one in taken:
        if one.outcome == "again" and one.request_id is not None:
            words = f"又按了一次服务键（第 {one.nth} 次）", f"pressed the service button again ({one.nth} times)"
            outside.note_alert(conn, called_key(one.request_id), now, words)
    return len(taken)
