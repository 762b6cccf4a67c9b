"""Panels: the page for a tablet or television in a home, by which its residents call for help. No login.

The address is signed, so that a press is believed while the database is away; the table says whether it was withdrawn.
"""

import datetime as dt
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, Role, audit_home, role_may
from care_network.access.visible import visible_households
from care_network.duty.centers import desk_of
from care_network.errors import NotFoundError
from dispatch.core.links import LinkError, LinkKeys

PURPOSE = "home_panel"
LASTS = dt.timedelta(days=3650)
"""A panel hangs on a wall for years; it ends by being withdrawn."""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """A panel as its address names it."""

    id: int
    gateway: str
    household_id: int


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """All that a panel shows of its home: whom to call, and in which language to speak."""

    home_zh: str
    home_en: str
    daughter_zh: str
    daughter_en: str
    daughter_phone: str
    """Of the first contact; empty where there is none."""
    desk_phone: str
    cantonese: bool


NO_FACE = Face(
    home_zh="", home_en="", daughter_zh="", daughter_en="", daughter_phone="", desk_phone="", cantonese=False
)
"""Of a home of which nothing can be read now."""


class Visit(msgspec.Struct, frozen=True):
    """Somebody who comes today. ``service``: its code; the name is empty until it is known."""

    at: dt.datetime
    service: str
    name_zh: str
    name_en: str


class Help(msgspec.Struct, frozen=True):
    """How far help has come: ``raised`` (nobody has it yet), ``acknowledged``, ``responding`` or ``on_scene``."""

    state: str
    name_zh: str
    name_en: str
    heard_at: dt.datetime
    """When the home was heard to call last: the begin of an emergency, or its alarm once more."""


def make(
    conn: psycopg.Connection[Any], keys: LinkKeys, account: Account, gateway: str, at: dt.datetime, origin: str
) -> str:
    """Make the panel of a gateway; gives the path of its page. An older one ends. Raises NotFoundError."""
    with conn.transaction():
        gateway_id, household_id = _gateway(conn, account, gateway)
        _withdraw(conn, gateway_id, at)
        row = conn.execute(
            "INSERT INTO panel (gateway_id, made_at, made_by) VALUES (%s, %s, %s) RETURNING id",
            (gateway_id, at, account.id),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING
        detail = {"gateway": gateway, "panel": row[0]}
        audit_home(conn, account, "make_panel", household_id, at=at, origin=origin, detail=detail)
    return "/home/" + keys.sign(PURPOSE, f"{row[0]}:{household_id}", f"panel:{gateway}", at + LASTS)


def address(conn: psycopg.Connection[Any], keys: LinkKeys, gateway: str) -> str | None:
    """The path of the page of a gateway's panel, as it was printed when it was made; None where it has none."""
    row = conn.execute(
        "SELECT p.id, g.household_id, p.made_at FROM panel p JOIN gateway g ON g.id = p.gateway_id"
        " WHERE g.name = %s AND p.withdrawn_at IS NULL",
        (gateway,),
    ).fetchone()
    if row is None:
        return None
    return "/home/" + keys.sign(PURPOSE, f"{row[0]}:{row[1]}", f"panel:{gateway}", row[2] + LASTS)


def withdraw(conn: psycopg.Connection[Any], account: Account, gateway: str, at: dt.datetime, origin: str) -> None:
    """End the panel of a gateway. Raises NotFoundError where it has none."""
    with conn.transaction():
        gateway_id, household_id = _gateway(conn, account, gateway)
        if not _withdraw(conn, gateway_id, at):
            raise NotFoundError(en=f"{gateway} has no panel", zh=f"网关 {gateway} 没有平板页面")
        audit_home(conn, account, "withdraw_panel", household_id, at=at, origin=origin, detail={"gateway": gateway})


def read(keys: LinkKeys, token: str, now: dt.datetime) -> Panel:
    """The panel that a signed address names, without the database. Raises LinkError."""
    link = keys.read(token, PURPOSE, now)
    if not role_may(Role.PANEL, Action.USE_PANEL):
        raise LinkError(
            zh="平板页面已停用；需要帮助请按床头按钮或打电话", en="panels are off; press the button, or call"
        )
    number, _, household = link.subject.partition(":")
    return Panel(id=int(number), gateway=link.person.partition(":")[2], household_id=int(household))


def check(conn: psycopg.Connection[Any], panel: Panel, now: dt.datetime) -> None:
    """See that the panel was not withdrawn, and that its home is still the gateway's. Raises LinkError."""
    row = conn.execute(
        """
        UPDATE panel p SET seen_at = %s FROM gateway g
        WHERE p.id = %s AND p.withdrawn_at IS NULL AND g.id = p.gateway_id AND g.household_id = %s RETURNING p.id
        """,
        (now, panel.id, panel.household_id),
    ).fetchone()
    if row is None:
        raise LinkError(
            zh="这个页面已停用，请联系服务中心；需要帮助请按床头按钮或打电话",
            en="this page was switched off; call the center. For help press the button at the bed, or call",
        )


def face(conn: psycopg.Connection[Any], household_id: int) -> Face:
    """Load the contents of a home's panel."""
    row = conn.execute(
        """
        SELECT a.path::text,
               (SELECT string_agg(r.name_zh, '、' ORDER BY r.id) FROM resident r WHERE r.household_id = h.id),
               (SELECT string_agg(r.name_en, ', ' ORDER BY r.id) FROM resident r WHERE r.household_id = h.id),
               (SELECT bool_and('yue' = ANY (r.languages) AND NOT 'cmn' = ANY (r.languages)) FROM resident r
                WHERE r.household_id = h.id)
        FROM household h JOIN area a ON a.id = h.area_id WHERE h.id = %s
        """,
        (household_id,),
    ).fetchone()
    if row is None:
        raise LinkError(zh="没有这个住户", en="there is no such home")
    contact = conn.execute(
        """
        SELECT c.relation_zh, c.relation_en, c.phone FROM contact c JOIN resident r ON r.id = c.resident_id
        WHERE r.household_id = %s AND c.consent_at <= now() ORDER BY c.call_order, r.id LIMIT 1
        """,
        (household_id,),
    ).fetchone() or ("", "", "")
    desk = desk_of(conn, row[0])
    phone = conn.execute("SELECT phone FROM organisation WHERE id = %s", (desk[0],)).fetchone() if desk else None
    return Face(
        home_zh=row[1] or "", home_en=row[2] or "", daughter_zh=contact[0], daughter_en=contact[1],
        daughter_phone=contact[2], desk_phone=phone[0] if phone else "", cantonese=bool(row[3]),
    )  # fmt: skip


def visits(conn: psycopg.Connection[Any], household_id: int, since: dt.datetime, until: dt.datetime) -> list[Visit]:
    """List the visits between two times: planned orders that are not done."""
    with conn.cursor(row_factory=class_row(Visit)) as cursor:
        return cursor.execute(
            """
            SELECT o.due_at AS at, o.service, coalesce(s.name_zh, '') AS name_zh, coalesce(s.name_en, '') AS name_en
            FROM work_order o LEFT JOIN staff s ON s.id = o.staff_id AND o.state IN ('accepted', 'en_route', 'arrived')
            WHERE o.household_id = %s AND o.urgency = 'planned' AND o.state NOT IN ('done', 'cancelled')
              AND o.due_at >= %s AND o.due_at < %s ORDER BY o.due_at LIMIT 3
            """,
            (household_id, since, until),
        ).fetchall()


def help_of(conn: psycopg.Connection[Any], household_id: int) -> Help | None:
    """How far help for the home's newest open emergency has come; None where none is open."""
    row = conn.execute(
        """
        SELECT a.state, coalesce(e.actor, ''), coalesce(c.name_en, (SELECT max(s.name_en) FROM staff s
                                                                   WHERE s.name_zh = e.actor), e.actor, ''),
               max(greatest(a.onset, (SELECT max(n.at) FROM alert_event n WHERE n.alert_id = a.id
                                      AND n.action = 'again'))) OVER ()
        FROM alert a
        LEFT JOIN LATERAL (
            SELECT actor, account_id FROM alert_event WHERE alert_id = a.id AND to_state = a.state
              AND from_state IS DISTINCT FROM to_state ORDER BY id DESC LIMIT 1) e ON a.state <> 'raised'
        LEFT JOIN account c ON c.id = e.account_id
        WHERE a.household_id = %s AND alert_is_open(a.state) AND a.severity = 'emergency'
        ORDER BY a.onset DESC LIMIT 1
        """,
        (household_id,),
    ).fetchone()
    return None if row is None else Help(*row)


def press_of(conn: psycopg.Connection[Any], panel: Panel, since: dt.datetime) -> tuple[Any, int] | None:
    """(id, version) of the alert that this panel's press raised since then and that nobody has taken."""
    row = conn.execute(
        """
        SELECT a.id, a.version FROM alert a
        WHERE a.household_id = %s AND a.state = 'raised' AND a.onset >= %s AND a.evidence ->> 'device' = 'panel'
        ORDER BY a.onset DESC LIMIT 1
        """,
        (panel.household_id, since),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def _gateway(conn: psycopg.Connection[Any], account: Account, gateway: str) -> tuple[int, int]:
    row = conn.execute("SELECT id, household_id FROM gateway WHERE name = %s", (gateway,)).fetchone()
    if row is None or row[1] not in visible_households(conn, account, [row[1]]):
        raise NotFoundError(en=f"there is no gateway {gateway!r} in your area", zh=f"您的管辖区域内没有网关 {gateway}")
    return row[0], row[1]


def _withdraw(conn: psycopg.Connection[Any], gateway_id: int, at: dt.datetime) -> bool:
    done = conn.execute(
        "UPDATE panel SET withdrawn_at = %s WHERE gateway_id = %s AND withdrawn_at IS NULL", (at, gateway_id)
    )
    return done.rowcount > 0
