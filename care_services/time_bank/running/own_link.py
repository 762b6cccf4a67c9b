"""A volunteer's own link: made, renewed, taken back; and what its page shows, without a login.

A link holds 90 days, is renewed by itself while its volunteer is active, and is over at once when somebody takes it
back or the volunteer leaves. Names and doors of residents are on its page only where the resident agrees now.
"""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require
from care_network.errors import ProvisioningError
from care_services.time_bank import holders, people, store
from care_services.time_bank.holders import Holder
from care_services.time_bank.people import Volunteer
from care_services.time_bank.requests import PURPOSE
from care_services.time_bank.running import learning, missed, telling
from care_services.time_bank.running.learning import Offered
from care_services.time_bank.running.missed import Missed
from care_services.time_bank.store import Request

HOLDS = dt.timedelta(days=90)
RENEW = dt.timedelta(days=7)
"""Before its end, from which on the link of an active volunteer is renewed."""
MOST = 30
SHOWN = "link_shown"
"""A step: somebody else was shown the link, and could speak for the volunteer until the next one."""


def renew(
    conn: Connection[Any], account: Account, code: str, version: int, now: dt.datetime, origin: str = ""
) -> Volunteer:
    """Make a new link for a volunteer; the one before is over. Raises ProvisioningError for one who has left."""
    require(account, Action.MANAGE_TIME_BANK)
    one = people.find(conn, account, code)
    if one.state == "ended":
        raise ProvisioningError(zh="该志愿者已退出", en="this volunteer has left", field="link")
    with conn.transaction():
        _count_up(conn, one, version, now + HOLDS)
        people.note_step(conn, one.id, "link_made", one.state, one.state, account, now)
        people.trace(conn, account, "link_made", code, None, now, origin)
        telling.link_over(conn, code, one.link_serial)
        telling.own_link(conn, code, one.link_serial + 1, now + HOLDS, now)
    return people.find(conn, account, code)


def show(
    conn: Connection[Any], account: Account, code: str, version: int, reason: str, now: dt.datetime, origin: str = ""
) -> Volunteer:  # fmt: skip
    """Make a new link that the caller shows to the account, once: for a volunteer whom no message reaches.

    Opening it is speaking for the volunteer. So the link before is over, the volunteer is told by whom and why,
    on their page, too, and the account may not confirm for the receiving side of what the volunteer did then
    (``requests.confirm``). Raises ProvisioningError without a reason, or for a volunteer who has left.
    """
    require(account, Action.MANAGE_TIME_BANK)
    reason = reason.strip()[:200]
    if not reason:
        raise ProvisioningError(
            zh="请写明为什么短信发不到、由谁在场", en="write why no message reaches them, and who is with you",
            field="reason",
        )  # fmt: skip
    one = people.find(conn, account, code)
    if one.state == "ended":
        raise ProvisioningError(zh="该志愿者已退出", en="this volunteer has left", field="link")
    with conn.transaction():
        _count_up(conn, one, version, now + HOLDS)
        people.note_step(conn, one.id, SHOWN, one.state, one.state, account, now, reason)
        people.trace(conn, account, SHOWN, code, None, now, origin)
        telling.link_over(conn, code, one.link_serial)
        telling.link_shown(conn, code, one.link_serial + 1, account.name_zh, account.name_en, now)
    return people.find(conn, account, code)


def take_back(
    conn: Connection[Any], account: Account, code: str, version: int, now: dt.datetime, origin: str = ""
) -> None:
    """End a volunteer's link and the links of what they are asked for now, at once."""
    require(account, Action.MANAGE_TIME_BANK)
    one = people.find(conn, account, code)
    with conn.transaction():
        _count_up(conn, one, version, None)
        conn.execute(
            "UPDATE time_request SET link_serial = link_serial + 1, version = version + 1 WHERE volunteer_id = %s"
            " AND closed_at IS NULL",
            (one.id,),
        )
        telling.link_over(conn, code, one.link_serial)
        people.note_step(conn, one.id, "link_taken_back", one.state, one.state, account, now)
        people.trace(conn, account, "link_taken_back", code, None, now, origin)


def renew_due(conn: Connection[Any], now: dt.datetime) -> int:
    """Renew the links of active volunteers that end within a week, and send them; how many. For the rounds.

    A link that was taken back stays so until somebody makes a new one.
    """
    due = conn.execute(
        "SELECT id, code, link_serial FROM time_volunteer WHERE state = 'active' AND link_until BETWEEN %s AND %s"
        " ORDER BY id LIMIT 200",
        (now - HOLDS, now + RENEW),
    ).fetchall()
    done = 0
    for number, code, serial in due:
        with conn.transaction():
            if make(conn, number, code, serial, now):
                conn.execute(
                    "INSERT INTO time_volunteer_event (volunteer_id, at, action, from_state, to_state, actor)"
                    " VALUES (%s, %s, 'link_made', 'active', 'active', '系统')",
                    (number, now),
                )
                done += 1
    return done


def make(conn: Connection[Any], number: int, code: str, serial: int, now: dt.datetime) -> bool:
    """Make and send a new link in place of the one with this number, in the caller's transaction."""
    held = conn.execute(
        "UPDATE time_volunteer SET link_serial = link_serial + 1, link_until = %s WHERE id = %s AND link_serial = %s",
        (now + HOLDS, number, serial),
    )
    if held.rowcount:
        telling.link_over(conn, code, serial)
        telling.own_link(conn, code, serial + 1, now + HOLDS, now)
    return bool(held.rowcount)


def _count_up(conn: Connection[Any], one: Volunteer, version: int, until: dt.datetime | None) -> None:
    done = conn.execute(
        "UPDATE time_volunteer SET link_serial = link_serial + 1, link_until = %s, version = version + 1"
        " WHERE id = %s AND version = %s",
        (until, one.id, version),
    )
    if done.rowcount == 0:
        raise people.changed()


def shown(conn: Connection[Any], volunteer_id: int) -> tuple[str, dt.datetime, str] | None:
    """Name who was shown the link that holds now, when and why; None: nobody but the volunteer has it."""
    row = conn.execute(
        "SELECT action, actor, at, note FROM time_volunteer_event WHERE volunteer_id = %s"
        " AND action IN ('link_shown', 'link_made', 'link_taken_back') ORDER BY id DESC LIMIT 1",
        (volunteer_id,),
    ).fetchone()
    return (row[1], row[2], row[3]) if row is not None and row[0] == SHOWN else None


def holding(conn: Connection[Any], code: str, serial: int, now: dt.datetime) -> Volunteer | None:
    """The volunteer whose own link with this number holds; None: it does not, any more."""
    found = people.read(
        conn,
        f"SELECT {people.COLUMNS} FROM {people.TABLES} WHERE v.code = %(code)s AND v.link_serial = %(serial)s"  # noqa: S608
        " AND v.link_until > %(now)s AND v.state <> 'ended'",
        {"code": code, "serial": serial, "now": now},
    )  # fmt: skip
    return found[0] if found else None


class OwnAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that the volunteer answered, without the resident's name."""

    order: int
    state: str
    alert: str
    area_zh: str
    area_en: str
    created_at: dt.datetime
    minutes: int | None
    request_state: str | None
    credited: int | None


class OwnPage(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a volunteer's own page."""

    volunteer: Volunteer
    holder: Holder
    offered: list[Request]
    ahead: list[Request]
    """Promised, the soonest first; also what is over and of which no minutes were told."""
    done: list[Request]
    alarms: list[OwnAlarm]
    courses: list[Offered]
    missed: list[Missed]
    """Promises that were not kept and count, or did."""
    shown: tuple[str, dt.datetime, str] | None
    """Another person who was shown the link, when and why."""
    agreed: frozenset[int]
    """Numbers of the residents of whom they may see name and door."""


def own_page(conn: Connection[Any], one: Volunteer, now: dt.datetime) -> OwnPage:
    """Gather the page."""
    rows = conn.execute(
        "SELECT q.id FROM time_request q WHERE %(who)s IN (q.volunteer_id, q.partner_id) AND q.kind <> 'alarm'"
        " AND (q.closed_at IS NULL OR q.wanted_from > %(since)s) ORDER BY q.wanted_from DESC LIMIT %(most)s",
        {"who": one.id, "since": now - dt.timedelta(days=60), "most": MOST},
    ).fetchall()
    found = store.by_ids(conn, [row[0] for row in rows])
    alarms = conn.cursor(row_factory=class_row(OwnAlarm)).execute(
        """
        SELECT o.number AS "order", o.state, left(o.alert_id::text, 6) AS alert, a.name_zh AS area_zh,
               a.name_en AS area_en, o.created_at, q.told_minutes AS minutes, q.state AS request_state, q.credited
        FROM work_order o JOIN household h ON h.id = o.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
        LEFT JOIN time_request q ON q.order_id = o.id
        WHERE o.staff_id = (SELECT staff_id FROM time_volunteer WHERE id = %s) AND o.alert_id IS NOT NULL
          AND o.state NOT IN ('open', 'cancelled') ORDER BY o.created_at DESC LIMIT 10
        """,
        (one.id,),
    ).fetchall()  # fmt: skip
    told = frozenset(
        row[0]
        for row in conn.execute(
            "SELECT id FROM resident r WHERE id = ANY(%s) AND consent_of(id, %s)",
            ([each.resident_id for each in found], PURPOSE),
        )
    )
    return OwnPage(
        courses=learning.offered(conn, one, now), missed=missed.of_volunteer(conn, one.id, 10), volunteer=one,
        holder=holders.of_volunteer(conn, one.id), alarms=alarms, agreed=told, shown=shown(conn, one.id),
        offered=[each for each in found if each.state == "offered" and each.volunteer_id == one.id],
        ahead=[each for each in found if each.state == "accepted"],
        done=[each for each in reversed(found) if each.state in ("done", "disputed", "confirmed", "cancelled")][:12],
    )  # fmt: skip
