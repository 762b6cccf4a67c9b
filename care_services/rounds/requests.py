"""Requests by one tap that wait: a silent provider gives way to the next; one that the station has is told to it."""

import datetime as dt
import uuid
from typing import Any

from psycopg import Connection

from care_services.one_tap import buttons, requests
from care_services.one_tap.options import Market, rated_since
from care_services.rounds.outside import CareAlert, Outside
from vocabulary.times import SHANGHAI

RULE = "request_waits"
TITLE = ("服务申请等待安排", "a service is asked for")
CALLED = "service_called"
CALLED_TITLE = ("老人按了服务键，请回电", "service button pressed: call back")
NAMESPACE = uuid.UUID("8d1f5e4e-4a5c-5d0e-8a64-3d6a9f1d2b90")
BATCH = 200


def look(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    """Ask the next provider where one is silent, tell the station of what it has, end what is over; how many."""
    return _book(conn, now) + _expire(conn, now) + _tell(conn, now, outside) + _end(conn, now, outside)


def _book(conn: Connection[Any], now: dt.datetime) -> int:
    ready = conn.execute(
        "SELECT id FROM service_request WHERE state = 'asked' AND yes_at IS NOT NULL ORDER BY yes_at LIMIT %s", (BATCH,)
    ).fetchall()
    done = 0
    for (request_id,) in ready:
        with conn.transaction():
            held = conn.execute(
                "SELECT FROM service_request WHERE id = %s AND state = 'asked' AND yes_at IS NOT NULL"
                " FOR UPDATE SKIP LOCKED",
                (request_id,),
            )
            if held.rowcount:
                requests.book(conn, request_id, now)
                done += 1
    return done


def _expire(conn: Connection[Any], now: dt.datetime) -> int:
    due = conn.execute(
        "SELECT id, version, organisation_id FROM service_request WHERE state = 'asked' AND yes_at IS NULL"
        " AND answer_by <= %s"
        " ORDER BY answer_by LIMIT %s",
        (now, BATCH),
    ).fetchall()
    market = Market(conn, rated_since(now))  # each visit is wanted from now on
    done = 0
    for request_id, version, organisation_id in due:
        with conn.transaction():
            held = conn.execute(
                "SELECT FROM service_request WHERE id = %s AND version = %s AND state = 'asked' FOR UPDATE SKIP LOCKED",
                (request_id, version),
            )
            if held.rowcount:
                if organisation_id is not None:
                    requests.event(conn, request_id, "expire", organisation_id, now)
                requests.offer_next(conn, request_id, now, market)
                done += 1
    return done


def _key(request_id: int) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{RULE}|{request_id}")


def called_key(request_id: int) -> uuid.UUID:
    """The id of the alert that asks the station to call back."""
    return uuid.uuid5(NAMESPACE, f"{CALLED}|{request_id}")


def _tell(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    waiting = requests.select(
        conn, " WHERE q.state = 'station' AND q.told_again = 0 ORDER BY q.id LIMIT %(batch)s", {"batch": BATCH}
    )
    for one in waiting:
        with conn.transaction():
            held = conn.execute(
                "UPDATE service_request SET told_again = 1 WHERE id = %s AND told_again = 0 RETURNING"
                " (SELECT household_id FROM resident WHERE id = resident_id)",
                (one.id,),
            ).fetchone()
            if held is None:
                continue
            wanted = one.wanted_at.astimezone(SHANGHAI)
            if not one.service:
                outside.open_alert(conn, _call_back(conn, one, held[0], now))
                continue
            outside.open_alert(
                conn,
                CareAlert(
                    key=_key(one.id), rule=RULE, severity="attention", household_id=held[0],
                    resident_id=one.resident_id, subject=f"resident:{one.resident_code}", onset=one.created_at, at=now,
                    title=TITLE,
                    reason=(
                        f"申请 {wanted:%m-%d %H:%M} 的{one.service_zh}，没有机构能接，请服务站安排",
                        f"{one.service_en} is asked for on {wanted:%m-%d %H:%M}, and no provider takes it: arrange it",
                    ),
                    evidence={"kind": RULE, "request": one.id, "service": one.service_zh},
                ),
            )  # fmt: skip
    return len(waiting)


def _call_back(conn: Connection[Any], one: requests.Request, household_id: int, now: dt.datetime) -> CareAlert:
    home = buttons.where(conn, one.id)
    at = (one.created_at if home is None else home.pressed_at).astimezone(SHANGHAI)
    several = home is not None and len(home.living) > 1
    return CareAlert(
        key=called_key(one.id), rule=CALLED, severity="attention", household_id=household_id,
        resident_id=None if several else one.resident_id, subject=f"resident:{one.resident_code}", onset=at, at=now,
        title=CALLED_TITLE,
        reason=(
            f"{at:%m-%d %H:%M} 家中服务键被按下，需要什么服务还不知道；老人尚未得到任何回音：请回电问明"
            + ("（家中不止一位老人）" if several else ""),
            f"the service button was pressed on {at:%m-%d} at {at:%H:%M}; what is wanted is not known, and"
            " they have had no sign: call back"
            + (" (several people live there)" if several else ""),
        ),
        evidence={"kind": CALLED, "request": one.id},
    )  # fmt: skip


def _end(conn: Connection[Any], now: dt.datetime, outside: Outside) -> int:
    over = conn.execute(
        "SELECT id, state FROM service_request WHERE told_again = 1 AND state <> 'station' ORDER BY id LIMIT %s",
        (BATCH,),
    ).fetchall()
    for request_id, state in over:
        with conn.transaction():
            # one that is offered after a call back comes back to the station where nobody takes it, and is told again
            held = conn.execute(
                "UPDATE service_request SET told_again = CASE WHEN state = 'asked' THEN 0 ELSE 2 END"
                " WHERE id = %s AND told_again = 1",
                (request_id,),
            )
            if held.rowcount:
                zh, en = requests.STATES[state]
                for key in (_key(request_id), called_key(request_id)):
                    outside.end_alert(conn, key, now, (f"该申请{zh}", f"the request: {en}"))
    return len(over)
