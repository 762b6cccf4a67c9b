"""A button in a home that asks for a service: each press is one request, of a kind that is asked by telephone.

A device whose profile has a service key tells ``service_called``, never a call for help, and a call for help is never
heard here. The station calls back and chooses the kind; only then providers are ranked and asked.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, covers_every_home
from care_network.below import homes_below
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.home_services.catalogue.catalogue import service
from care_services.home_services.orders.store import Doer, doer
from care_services.one_tap import panel, requests
from care_services.one_tap.needs import soonest, urgent_word

KIND = "service_called"
"""The event of :mod:`firmware_profiles`."""
BUTTON = Doer(None, "家中服务键")
AGAIN = dt.timedelta(minutes=10)
"""A press within so long of the one before is the same request, though somebody has called back meanwhile."""
OLDEST = dt.timedelta(hours=48)
"""A press that is heard later than this (the line was down) is shown to the station, and asks for nothing by itself."""
OVERLAP = 20_000
"""Events that are looked at again: several processes store them, and one may commit later than a younger one."""
BATCH = 200
_LOCK = 238
"""Of advisory locks: presses of one home."""
Outcome = Literal["asked", "again", "nobody", "old"]
OUTCOMES: dict[str, tuple[str, str]] = {
    "asked": ("生成申请", "made a request"), "again": ("并入已有申请", "belongs to a request"),
    "nobody": ("该住户没有在住老人", "nobody lives in that home"),
    "old": ("线路中断，两天后才收到", "heard two days late: the line was down"),
}  # fmt: skip


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """A press as it was heard."""

    event_id: int
    device_id: int
    device_resident: int | None
    household_id: int
    pressed_at: dt.datetime
    heard_at: dt.datetime


class Taken(msgspec.Struct, frozen=True):
    """The outcome of a press. ``nth``: of its request, from 1."""

    outcome: Outcome
    request_id: int | None = None
    nth: int = 1


def take_new(conn: Connection[Any], now: dt.datetime) -> list[Taken]:
    """Turn presses that were stored since the last time into requests, each once; in transactions of their own."""
    row = conn.execute(
        "SELECT coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT mark FROM care_round WHERE name ="
        " 'button_presses'), 0)"
    ).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    newest, mark = row
    with conn.cursor(row_factory=class_row(Press)) as cursor:
        presses = cursor.execute(
            """
            SELECT e.id AS event_id, e.device_id, d.resident_id AS device_resident, g.household_id,
                   least(e.time, e.received_at) AS pressed_at, e.received_at AS heard_at
            FROM event e JOIN device d ON d.id = e.device_id JOIN gateway g ON g.id = e.gateway_id
            JOIN household h ON h.id = g.household_id AND NOT h.synthetic
            WHERE e.id > %(after)s AND e.id <= %(newest)s AND e.kind = %(kind)s
              AND NOT EXISTS (SELECT FROM button_press b WHERE b.event_id = e.id)
            ORDER BY e.id LIMIT %(batch)s
            """,
            {"after": mark - OVERLAP, "newest": newest, "kind": KIND, "batch": BATCH},
        ).fetchall()
    taken = []
    for press in presses:
        with conn.transaction():
            taken.append(_take(conn, press, now))
    reached = presses[-1].event_id if len(presses) == BATCH else newest
    conn.execute("UPDATE care_round SET mark = %s WHERE name = 'button_presses' AND mark < %s", (reached, reached))
    return taken


def _take(conn: Connection[Any], press: Press, now: dt.datetime) -> Taken:
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, press.household_id))
    living = [one.id for one in panel.people(conn, press.household_id)]
    if not living or now - press.pressed_at > OLDEST:
        return _kept(conn, press, Taken("old" if living else "nobody"))
    row = conn.execute(
        """
        SELECT q.id, (SELECT count(*) FROM button_press b WHERE b.request_id = q.id)::int
        FROM service_request q
        WHERE q.resident_id = ANY (%(living)s) AND q.asked_by = 'button'
          AND (q.service IS NULL AND q.state = 'station' OR q.state <> 'withdrawn' AND EXISTS (
                SELECT FROM button_press b WHERE b.request_id = q.id
                AND b.pressed_at BETWEEN %(at)s::timestamptz - %(again)s AND %(at)s::timestamptz + %(again)s))
        ORDER BY q.id DESC LIMIT 1
        """,
        {"living": living, "at": press.pressed_at, "again": AGAIN},
    ).fetchone()
    if row is not None:
        requests.add_event(conn, row[0], "press", None, BUTTON, press.pressed_at)
        return _kept(conn, press, Taken("again", row[0], row[1] + 1))
    who = press.device_resident if press.device_resident in living else living[0]
    made = conn.execute(
        "INSERT INTO service_request (resident_id, asked_by, actor, wanted_at, state, created_at)"
        " VALUES (%s, 'button', %s, %s, 'station', %s) RETURNING id",
        (who, BUTTON.name, soonest(now), now),
    ).fetchone()
    assert made is not None  # noqa: S101 - an INSERT returns its row
    requests.add_event(conn, made[0], "press", None, BUTTON, press.pressed_at)
    return _kept(conn, press, Taken("asked", made[0]))


def _kept(conn: Connection[Any], press: Press, taken: Taken) -> Taken:
    conn.execute(
        "INSERT INTO button_press (event_id, device_id, household_id, pressed_at, heard_at, outcome, request_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            press.event_id, press.device_id, press.household_id, press.pressed_at, press.heard_at, taken.outcome,
            taken.request_id,
        ),
    )  # fmt: skip
    return taken


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """The home of a request by a button, for whoever calls back."""

    phone: str
    room: str
    presses: int
    pressed_at: dt.datetime
    heard_at: dt.datetime
    living: list[panel.Person]
    """Residents of the home: one of them has pressed."""


def where(conn: Connection[Any], request_id: int) -> Where | None:
    """Whom to call back about a request; None: no button was pressed. The caller has asked for the request."""
    row = conn.execute(
        """
        SELECT h.phone, d.room, (SELECT count(*) FROM button_press n WHERE n.request_id = b.request_id)::int,
               b.pressed_at, b.heard_at, b.household_id
        FROM button_press b JOIN device d ON d.id = b.device_id
        JOIN household h ON h.id = b.household_id AND NOT h.synthetic WHERE b.request_id = %s
        ORDER BY b.event_id LIMIT 1
        """,
        (request_id,),
    ).fetchone()
    if row is None:
        return None
    return Where(
        phone=row[0], room=row[1], presses=row[2], pressed_at=row[3], heard_at=row[4],
        living=panel.people(conn, row[5]),
    )  # fmt: skip


def choose_kind(
    conn: Connection[Any], acting: Acting, request_id: int, seen: int, code: str, wanted_at: dt.datetime,
    words: str = "", resident: str = "", *, sure: bool = False,
) -> None:  # fmt: skip
    """Write down what is wanted, after calling back: from here on it is a request like any other.

    ``resident``: who of the home has pressed. Words that sound like an emergency are no request, until somebody is
    ``sure`` that it is none. Raises ProvisioningError with the field, ChangedMeanwhileError.
    """
    acting.require(Action.PLAN_SERVICES)
    if not sure and (heard := urgent_word(words)):
        raise requests.UrgentWordsError(heard)
    with conn.transaction():
        found = requests.claim(conn, acting, request_id, seen, ("station",))
        if found.service:
            raise ChangedMeanwhileError(en="somebody has called back already", zh="他人已回电问明，请刷新查看")
        home = where(conn, request_id)
        who = next((one.id for one in home.living if one.code == resident), None) if home and resident else None
        if resident and who is None:
            raise ProvisioningError(en="choose who of the home has asked", zh="请选择是哪位老人", field="resident")
        who = who or found.resident_id
        check_here(conn, who)
        requests.check_wanted(conn, who, code, wanted_at, acting.at)
        conn.execute(
            "UPDATE service_request SET service = %s, resident_id = %s, wanted_at = %s, words = %s,"
            " version = version + 1 WHERE id = %s",
            (code, who, max(wanted_at, acting.at), words.strip()[:400], request_id),
        )
        note = service(conn, code).name_zh + (f"：{words.strip()}" if words.strip() else "")
        requests.add_event(conn, request_id, "kind", None, doer(acting), acting.at, note[:400])
        if covers_every_home(conn, acting.account):
            requests.offer_next(conn, request_id, acting.at)
        else:
            requests.leave(conn, request_id, acting.at)
        acting.audit(conn, "answer_service_request", who, request=request_id, service=code)


class Unplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A press that is nobody's request, for somebody to look into."""

    event_id: int
    pressed_at: dt.datetime
    heard_at: dt.datetime
    outcome: str
    device: str
    gateway: str
    address_zh: str
    address_en: str
    phone: str


def unplaced(conn: Connection[Any], acting: Acting, limit: int = 20) -> Sequence[Unplaced]:
    """Presses of the account's area that became no request and that nobody has looked into, the oldest first."""
    acting.require(Action.VIEW_CARE)
    with conn.cursor(row_factory=class_row(Unplaced)) as cursor:
        return cursor.execute(
            f"""
            SELECT b.event_id, b.pressed_at, b.heard_at, b.outcome, d.name AS device, g.name AS gateway, h.address_zh,
                   h.address_en, h.phone
            FROM button_press b JOIN device d ON d.id = b.device_id JOIN gateway g ON g.id = d.gateway_id
            JOIN household h ON h.id = b.household_id AND NOT h.synthetic
            WHERE b.request_id IS NULL AND b.seen_at IS NULL AND {homes_below("b.household_id")}
            ORDER BY b.event_id LIMIT %(limit)s
            """,  # noqa: S608 - of a constant
            {"area": acting.account.area_path, "limit": limit},
        ).fetchall()


def look_into(conn: Connection[Any], acting: Acting, event_id: int) -> None:
    """Note that somebody has looked into a press without a request.

    Raises ChangedMeanwhileError where others have, NotFoundError for none of the account's area.
    """
    acting.require(Action.PLAN_SERVICES)
    if event_id not in {one.event_id for one in unplaced(conn, acting, 200)}:
        seen = conn.execute("SELECT FROM button_press WHERE event_id = %s AND seen_at IS NOT NULL", (event_id,))
        if seen.fetchone() is None:
            raise NotFoundError(en="there is no such press in your area", zh="您的管辖区域内没有这次按键")
        raise ChangedMeanwhileError(en="somebody has looked into it already", zh="他人已核实，请刷新查看")
    with conn.transaction():
        conn.execute(
            "UPDATE button_press SET seen_at = %s, seen_by = %s WHERE event_id = %s AND seen_at IS NULL",
            (acting.at, acting.account.name_zh, event_id),
        )
        acting.audit(conn, "look_into_press", press=event_id)
