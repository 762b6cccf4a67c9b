"""Answer messages: the page of a link, its acknowledgement, and the receipts of gateways. Called by the console.

Opening a link changes nothing (messengers fetch previews); its button does, once.
"""

import datetime as dt
import uuid
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.access.permissions import audit_each
from dispatch.alerts import lifecycle
from dispatch.channels import notifications, sending
from dispatch.channels.render import ACKNOWLEDGE, RECEIPT
from dispatch.channels.wording import alert_words
from dispatch.core import history, links
from dispatch.core.history import Actor
from vocabulary.alert_state import OPEN

TapResult = Literal["taken", "known", "late", "present"]
"""``taken``: alerts are theirs now; ``known``: noted as read (family, services); ``late``: nothing was left to take;
``present``: a test before their shift is answered."""


class DutyQuestion(msgspec.Struct, frozen=True):
    """The test before a shift that a message asks about."""

    starts_at: dt.datetime
    organisation_zh: str
    organisation_en: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The page of a link. ``alerts``: rows of the alerts in the message, gravest first, with ``map_link``."""

    message_id: int
    name_zh: str
    name_en: str
    language: str
    recipient: tuple[str, str]
    """Kind and key; of a contact the resident's code alone."""
    acts: bool
    """Whether the button acknowledges the alerts; the family's only notes that they know."""
    used_at: dt.datetime | None
    account_id: int | None = None
    alerts: list[dict[str, Any]]
    duty: DutyQuestion | None = None
    """The message is a test before a shift, about no alert."""


def load(conn: Connection[Any], keys: links.LinkKeys, token: str, now: dt.datetime, origin: str = "") -> Answer:
    """Load the page of a link; the look is in the audit. Raises LinkError for one that is not valid."""
    link = keys.read(token, ACKNOWLEDGE, now)
    row = _message(conn, link, now)
    with conn.cursor(row_factory=dict_row) as cursor:
        alerts = cursor.execute(
            """
            SELECT DISTINCT a.id, a.resident_id, a.severity, a.state, a.reason_zh, a.reason_en, a.onset,
                   h.code AS household_code, h.address_zh, h.address_en, h.phone, ar.path::text AS area_path,
                   r.name_zh AS resident_zh, r.name_en AS resident_en,
                   coalesce(h.longitude, ar.longitude) AS longitude, coalesce(h.latitude, ar.latitude) AS latitude,
                   severity_rank(a.severity) AS rank
            FROM notification n JOIN alert told ON told.id = n.alert_id
            JOIN alert a ON a.id = coalesce(told.merged_into, told.id) JOIN household h ON h.id = a.household_id
            JOIN area ar ON ar.id = h.area_id LEFT JOIN resident r ON r.id = a.resident_id
            WHERE n.message_id = %s ORDER BY rank, a.onset
            """,
            (row["id"],),
        ).fetchall()
    for alert in alerts:
        alert["map_link"] = alert_words.marker(alert["longitude"], alert["latitude"])
    # A contact's key has their telephone number; the resident's code before it is enough.
    who = f"{row['recipient_kind']}:{row['recipient_key'].partition('/')[0]}"
    seen = {alert["resident_id"] for alert in alerts if alert["resident_id"] is not None}
    detail = {"message": row["id"], "by": who}
    audit_each(conn, None, "view_alert", seen, at=now, origin=f"link {origin}".strip(), detail=detail)
    acts = row["recipient_kind"] in ("staff", "organisation")
    used = links.spent_at(conn, token)
    return Answer(
        message_id=row["id"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        language=row["language"],
        recipient=(row["recipient_kind"], row["recipient_key"].partition("/")[0]),
        acts=acts,
        used_at=used,
        account_id=row["account_id"],
        alerts=alerts,
        duty=None if row["duty_at"] is None else DutyQuestion(row["duty_at"], row["duty_zh"], row["duty_en"]),
    )


def acknowledge(
    conn: Connection[Any], keys: links.LinkKeys, token: str, origin: str, now: dt.datetime
) -> tuple[TapResult, tuple[uuid.UUID, ...]]:
    """Use a link, all in one transaction; gives its effect and the alerts that it had one on, the gravest first.

    Raises LinkError for a link that is not valid, was used, or whose person may act no longer.
    """
    with conn.transaction():
        link = keys.read(token, ACKNOWLEDGE, now)
        row = _message(conn, link, now)
        links.spend(conn, token, link, now)
        # Alerts first, then notifications, then the message: the order in which all of dispatch locks them.
        alerts = conn.execute(
            """
            SELECT a.id, a.state, a.version, severity_rank(a.severity), a.onset FROM alert a
            WHERE a.id IN (SELECT coalesce(told.merged_into, told.id) FROM notification n
                           JOIN alert told ON told.id = n.alert_id WHERE n.message_id = %s)
            ORDER BY a.id FOR UPDATE
            """,
            (row["id"],),
        ).fetchall()
        conn.execute(
            "UPDATE notification SET state = 'acknowledged', settled_at = %s WHERE message_id = %s", (now, row["id"])
        )
        conn.execute(
            "UPDATE message SET receipt_due = NULL, state = CASE WHEN state = 'waiting' THEN 'withdrawn' ELSE state END"
            " WHERE id = %s",
            (row["id"],),
        )
        if row["duty_test_id"] is not None:
            conn.execute(
                "UPDATE duty_test SET answered_at = coalesce(answered_at, %s) WHERE id = %s", (now, row["duty_test_id"])
            )
            return "present", ()
        open_ = [alert for alert in alerts if alert[1] in OPEN]
        if row["recipient_kind"] not in ("staff", "organisation"):
            # The family is informed only: the alert stays with those who go there.
            zh, en = f"{row['name_zh']} 已知晓", f"{row['name_en']} knows"
            history.record(conn, [alert[0] for alert in open_], now, "known", zh, en)
            return ("known", tuple(alert[0] for alert in open_)) if open_ else ("late", ())
        actor = Actor(row["account_id"], row["name_zh"], f"link {origin}".strip(), row["name_en"])
        taken = [alert for alert in open_ if alert[1] == "raised"]
        for alert_id, _, version, *_ in taken:
            lifecycle.act(conn, alert_id, "acknowledge", actor, now, expected_version=version)
            notifications.cancel(conn, alert_id, now)
        gravest = sorted(taken, key=lambda alert: (alert[3], alert[4]))
        return ("taken", tuple(alert[0] for alert in gravest)) if taken else ("late", ())


def taken(conn: Connection[Any], answer: Answer) -> frozenset[uuid.UUID]:
    """Those of the message's alerts that the use of this link acknowledged; of one that was merged since, its lead."""
    ids = [alert["id"] for alert in answer.alerts]
    rows = conn.execute(
        """
        SELECT coalesce(a.merged_into, a.id) FROM alert_event e JOIN alert a ON a.id = e.alert_id
        WHERE (a.id = ANY (%(ids)s) OR a.merged_into = ANY (%(ids)s)) AND e.action = 'acknowledge' AND e.at = %(at)s
        """,
        {"ids": ids, "at": answer.used_at},
    ).fetchall()
    return frozenset(row[0] for row in rows)


class Standing(msgspec.Struct, frozen=True):
    """How far an alert has come, for those who do not work on it. ``at`` and ``actor``: of the last person's step."""

    told: int
    """Number of people who got a message."""
    actor: str
    at: dt.datetime | None


def standing(conn: Connection[Any], alert_id: uuid.UUID) -> Standing:
    """Load who has the alert, since when, and how many were told."""
    told = conn.execute(
        "SELECT count(DISTINCT (recipient_kind, recipient_key)) FROM notification"
        " WHERE alert_id = %s AND state IN ('sent', 'delivered', 'acknowledged')",
        (alert_id,),
    ).fetchone()
    row = conn.execute(
        "SELECT actor, at FROM alert_event WHERE alert_id = %s AND from_state IS DISTINCT FROM to_state"
        " ORDER BY id DESC LIMIT 1",
        (alert_id,),
    ).fetchone()
    actor, at = row or ("", None)
    return Standing(0 if told is None else int(told[0]), actor if actor != history.SYSTEM.name else "", at)


def receipt(conn: Connection[Any], keys: links.LinkKeys, token: str, status: str, now: dt.datetime) -> bool:
    """Store a gateway's report (``delivered`` or ``undelivered``) at the address that the message gave it.

    False for a message that is not there. Raises LinkError for an address that is not ours, ValueError for another
    status.
    """
    if status not in ("delivered", "undelivered"):
        raise ValueError("status is 'delivered' or 'undelivered'")
    link = keys.read(token, RECEIPT, now)
    return sending.receipt(conn, uuid.UUID(link.person), int(link.subject), delivered=status == "delivered")


def _message(conn: Connection[Any], link: links.Link, now: dt.datetime) -> dict[str, Any]:
    """The link's message, while its recipient still is one: at work, or a contact that the resident agrees to.

    Read anew at each look. Raises LinkError.
    """
    kind, _, key = link.person.partition(":")
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            SELECT m.id, m.recipient_kind, m.recipient_key, m.name_zh, m.name_en, m.language, s.account_id,
                   t.id AS duty_test_id, t.starts_at AS duty_at, o.name_zh AS duty_zh, o.name_en AS duty_en,
                   CASE m.recipient_kind
                       WHEN 'staff' THEN coalesce(s.active, false)
                       WHEN 'organisation' THEN EXISTS (SELECT FROM organisation o WHERE o.code = %(key)s AND o.active)
                       WHEN 'contact' THEN EXISTS (
                           SELECT FROM contact c JOIN resident r ON r.id = c.resident_id
                           WHERE r.code || '/' || c.phone = m.recipient_key AND c.consent_at <= %(now)s)
                       ELSE true END AS active
            FROM message m LEFT JOIN staff s ON m.recipient_kind = 'staff' AND s.code = m.recipient_key
            LEFT JOIN notification n ON n.message_id = m.id AND n.duty_test_id IS NOT NULL
            LEFT JOIN duty_test t ON t.id = n.duty_test_id LEFT JOIN organisation o ON o.id = t.organisation_id
            WHERE m.id = %(id)s AND m.recipient_kind = %(kind)s
              AND %(key)s IN (
                  m.recipient_key, CASE WHEN m.recipient_kind = 'contact' THEN split_part(m.recipient_key, '/', 1) END)
            """,
            {"id": int(link.subject), "kind": kind, "key": key, "now": now},
        ).fetchone()
    if row is None or not row["active"]:
        raise links.LinkError(
            zh="该链接不再有效，请致电值班台", en="this link is no longer valid; call the duty center"
        )
    return row
