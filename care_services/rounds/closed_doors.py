"""Doors that nobody opened to a volunteer: the station hears of it, for somebody may lie behind one."""

import datetime as dt
import uuid
from typing import Any

from psycopg import Connection

from care_services.rounds.outside import CareAlert, Outside
from vocabulary.times import SHANGHAI

RULE = "door_not_opened"
TITLE = ("志愿者上门无人应门", "nobody opened to a volunteer")
NAMESPACE = uuid.UUID("5d0a8c53-7f0e-5b3c-9a1d-0c6a5a3f7be1")
BATCH = 100


def look(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Open an alert for each visit at which nobody opened; how many. One a visit, however often it is looked at."""
    waiting = conn.execute(
        "SELECT q.id, q.number, q.closed_at, h.id, r.id, r.code, v.name_zh, v.name_en FROM time_request q"
        " JOIN resident r ON r.id = q.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " LEFT JOIN time_volunteer v ON v.id = q.volunteer_id"
        " WHERE q.ended_as = 'not_opened' AND q.door_told = 0 ORDER BY q.closed_at LIMIT %s",
        (BATCH,),
    ).fetchall()
    opened = 0
    for number, called, at, home, resident, code, name_zh, name_en in waiting:
        with conn.transaction():
            held = conn.execute("SELECT time_door_told(%s)", (number,)).fetchone()
            if held is None or not held[0]:
                continue
            clock = at.astimezone(SHANGHAI).strftime("%H:%M")
            outside.open_alert(conn, CareAlert(
                key=uuid.uuid5(NAMESPACE, f"{RULE}|{number}"), rule=RULE, severity="urgent", household_id=home,
                resident_id=resident, subject=f"resident:{code}", onset=at, at=now, title=TITLE,
                reason=(
                    f"志愿者{name_zh or ''} {clock} 上门无人应门（互助服务 {called}），请联系老人，联系不上请派人查看",
                    f"{name_en or 'a volunteer'} stood at the door at {clock} and nobody opened (help {called}): call"
                    " the resident, and send somebody where nobody answers",
                ),
                evidence={"kind": RULE, "request": called},
            ))  # fmt: skip
            opened += 1
    return opened
