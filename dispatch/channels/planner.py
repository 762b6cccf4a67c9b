"""Make messages of notifications: choose recipients, contents, channels and times. One process plans at a time."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import dict_row

from dispatch.channels import policy
from dispatch.channels.ceiling import Storm, hold, load_storms
from dispatch.channels.config import Channels
from dispatch.channels.notifications import RATING, WAKE, WITHDRAWN_BY_AN_ANSWER, Page
from dispatch.channels.recipients import Card, Key, load_cards, next_menders, next_recipients
from dispatch.channels.reminders import of_digests, waiting_digests, written_only
from dispatch.channels.wording.alert_words import SAMPLE, Content, MessageItem
from dispatch.core import history
from dispatch.core.faults import traceback_summary
from dispatch.core.headline import outside
from vocabulary.alert_state import OPEN
from vocabulary.severity import RANK

log = structlog.get_logger(__name__)

LOCK_KEY = 0x5357_4E4F_5449_4659  # "SWNOTIFY"
AT_ONCE = 4000
"""Largest number of notifications in one pass."""
AFTER_A_FAULT = (dt.timedelta(seconds=30), dt.timedelta(seconds=2))
"""Pause before one that cannot be planned is tried again; the second: an emergency."""
MESSAGE_IDS = uuid.UUID("6f1c3f3e-6d0c-5c8e-9a43-0e6f5c1b7a10")
"""Namespace of message ids (UUIDv5): the same notification never becomes two messages."""
PLANNED = "planned"
"""Payload of NOTIFY when messages wait for the lanes."""

Reaches = Callable[[str, str], bool]


def plan(conn: Connection[Any], channels: Channels, reaches: Reaches, now: dt.datetime) -> int:
    """Make messages of due notifications; gives their number. 0 where another process plans at this moment."""
    with conn.transaction():
        mine = conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK_KEY,)).fetchone()
        if mine is None or not mine[0]:
            return 0
        rows = _still_wanted(conn, _waiting(conn, now), now) | _waiting_warnings(conn) | _waiting_tests(conn)
        rows |= _waiting_channel_tests(conn) | waiting_digests(conn, AT_ONCE)
        if not rows:
            return 0
        waiting = [_as_waiting(row) for row in rows.values()]
        cards = load_cards(conn, {one.recipient for one in waiting}, channels, reaches, now)
        cards |= of_digests(conn, {one.recipient for one in waiting}, channels, reaches)
        written = {key: quiet for key, card in cards.items() if (quiet := written_only(card, channels))}
        allowed = {key: _allowed(card, channels, now) for key, card in cards.items()}
        over_limit = {key for key, at in allowed.items() if at > now}
        emergencies = [one for one in waiting if one.severity == "emergency" and not one.page]
        storms = load_storms(conn, (one.recipient for one in emergencies), cards, channels, now) if emergencies else {}
        for recipient, storm in storms.items():
            if storm.next_at > now:
                hold(conn, [one.id for one in emergencies if one.recipient == recipient], storm.next_at)
        made = 0
        groups = _within_limits(waiting, cards, channels, storms, now)
        while groups:
            group = groups.pop(0)
            try:
                with conn.transaction():  # one that cannot be planned must not stop the others
                    by = written if group.members[0].reason == "care" else cards
                    made += _plan_group(conn, group, rows, by, over_limit, allowed, storms, now)
            except psycopg.OperationalError:
                raise
            except Exception as error:
                log.error(
                    "cannot be planned; tried again",
                    fault=type(error).__name__,
                    where=traceback_summary(error),
                )
                half = len(group.members) // 2
                if half:  # nor those that would be in the same message
                    groups += [policy.MessageGroup(group.members[:half]), policy.MessageGroup(group.members[half:])]
                else:
                    _postpone(conn, group, now + AFTER_A_FAULT[group.severity == "emergency"])
        if made:
            conn.execute("SELECT pg_notify(%s, %s)", (WAKE, PLANNED))
        return made


def _plan_group(
    conn: Connection[Any],
    group: policy.MessageGroup,
    rows: Mapping[int, dict[str, Any]],
    cards: Mapping[Key, Card],
    over_limit: Collection[Key],
    allowed: Mapping[Key, dt.datetime],
    storms: Mapping[Key, Storm],
    now: dt.datetime,
) -> int:
    recipient = group.members[0].recipient
    card = cards.get(recipient)
    if card is None:
        log.warning("recipient cannot be reached", kind=recipient[0], notifications=len(group.members))
        give_up(conn, [one.id for one in group.members], now)
        return 0
    if recipient in over_limit and group.severity != "emergency":
        _postpone(conn, group, allowed[recipient])
        return 0
    storm = storms.get(recipient) if group.severity == "emergency" and not group.members[0].page else None
    _make(conn, group, [rows[one.id] for one in group.members], card, now, 0 if storm is None else storm.open)
    return 1


def give_up(conn: Connection[Any], notifications: Sequence[int], now: dt.datetime) -> None:
    """Notify somebody else instead of recipients who cannot be reached, in the caller's transaction.

    Where nobody is left, the alert's history says so.
    """
    rows = conn.execute(
        """
        UPDATE notification SET state = 'failed', settled_at = %s
        WHERE id = ANY(%s) AND state IN ('waiting', 'sent')
        RETURNING id, alert_id, reason, recipient_kind, recipient_key, coalesce(page ->> 'purpose', '')
        """,
        (now, list(notifications)),
    ).fetchall()
    for identity, alert_id, reason, kind, key, purpose in rows:
        if notify_next(conn, identity, now) or purpose == RATING or reason == "care":
            continue
        subject = {} if alert_id is None else {"alert_id": str(alert_id)}
        log.error("nobody is left to tell", reason=reason, **subject, notification=identity)
        if alert_id is not None:
            recipient = f"{kind} {key}"
            history.record(
                conn, [alert_id], now, "unreachable", f"{recipient}: 无法送达，且没有其他人可通知",
                f"{recipient} cannot be reached, and nobody else is left to tell",
            )  # fmt: skip


def notify_next(conn: Connection[Any], notification: int, now: dt.datetime) -> bool:
    """Notify the next person instead of this one; False where there is none who was not asked already.

    Nobody answers a test in another's place.
    """
    row = conn.execute(
        "SELECT alert_id, warning_id, recipient_kind, recipient_key FROM notification WHERE id = %s", (notification,)
    ).fetchone()
    if row is None:
        return False
    alert_id, warning_id, kind, key = row
    if alert_id is None and warning_id is None:
        return False
    instead = next_recipients(conn, alert_id, kind, key, now) if alert_id else next_menders(conn, warning_id)
    for candidate in instead:
        added = conn.execute(
            """
            INSERT INTO notification (alert_id, warning_id, reason, step, round, recipient_kind, recipient_key, at,
                                      due_at, failover_of)
            SELECT alert_id, warning_id, reason, step, round, %s, %s, at, %s, id FROM notification WHERE id = %s
            ON CONFLICT DO NOTHING
            """,
            (candidate.kind, candidate.key, now, notification),
        )
        if added.rowcount:
            conn.execute("SELECT pg_notify(%s, '')", (WAKE,))
            return True
    return False


def _waiting(conn: Connection[Any], now: dt.datetime) -> dict[int, dict[str, Any]]:
    """Load notifications that are in no message yet, with the facts for its text; locked until the transaction ends.

    An alert that somebody acts on this moment is left to the next pass: waiting for it here, with other notifications
    locked, could be a deadlock. Emergencies that are held back (``ceiling``) are not loaded: hundreds of them must not
    crowd out the others.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT n.id, n.alert_id::text AS about, n.reason, n.step, n.round, n.recipient_kind, n.recipient_key,
                   n.due_at, n.page,
                   CASE WHEN n.page ->> 'purpose' = %s THEN 'attention' ELSE a.severity END AS severity,
                   a.rule, a.evidence, a.reason_zh, a.reason_en, a.onset,
                   a.state AS alert_state,
                   h.code AS household, h.address_zh, h.address_en, h.phone,
                   coalesce(h.longitude, ar.longitude) AS longitude, coalesce(h.latitude, ar.latitude) AS latitude,
                   ar.path::text AS area, ar.name_zh AS place_zh, ar.name_en AS place_en,
                   coalesce(r.name_zh, '') AS resident_zh, coalesce(r.name_en, '') AS resident_en,
                   coalesce(r.sex, '') AS sex, a.owner_zh, a.owner_en,
                   (SELECT count(DISTINCT (t.recipient_kind, t.recipient_key)) FROM notification t
                    WHERE t.alert_id = a.id AND t.recipient_kind IN ('staff', 'organisation')
                      AND t.state IN ('sent', 'delivered', 'acknowledged')) AS told
            FROM notification n JOIN alert a ON a.id = n.alert_id
            JOIN household h ON h.id = a.household_id JOIN area ar ON ar.id = h.area_id
            LEFT JOIN resident r ON r.id = a.resident_id
            WHERE n.state = 'waiting' AND n.message_id IS NULL AND NOT (a.severity = 'emergency' AND n.due_at > %s)
            ORDER BY severity_rank(a.severity), n.id
            LIMIT %s FOR KEY SHARE OF a SKIP LOCKED FOR UPDATE OF n SKIP LOCKED
            """,
            (RATING, now, AT_ONCE),
        ).fetchall()
    return {row["id"]: row for row in rows}


def _waiting_warnings(conn: Connection[Any]) -> dict[int, dict[str, Any]]:
    """Load those about holes in the roster in the same form: for one person, all of them are alike."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT n.id, 'roster ' || w.id AS about, n.reason, n.step, n.round, n.recipient_kind, n.recipient_key,
                   n.due_at, n.page, w.severity, CASE WHEN w.silent THEN 'silent' ELSE 'roster' END AS rule,
                   '{}'::jsonb AS evidence,
                   w.text_zh AS reason_zh, w.text_en AS reason_en,
                   w.starts_at AS onset, '' AS household, w.place AS address_zh, w.place_en AS address_en, '' AS phone,
                   NULL AS longitude, NULL AS latitude, '' AS area, w.place AS place_zh, w.place_en AS place_en,
                   '' AS resident_zh, '' AS resident_en, '' AS sex
            FROM notification n JOIN duty_warning w ON w.id = n.warning_id
            WHERE n.state = 'waiting' AND n.message_id IS NULL ORDER BY n.id
            LIMIT %s FOR UPDATE OF n SKIP LOCKED
            """,
            (AT_ONCE,),
        ).fetchall()
    return {row["id"]: row for row in rows}


def _waiting_tests(conn: Connection[Any]) -> dict[int, dict[str, Any]]:
    """Load the tests of people before their shift in the same form; each goes alone, for its link answers it."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT n.id, 'duty test ' || t.id AS about, n.reason, n.step, n.round, n.recipient_kind, n.recipient_key,
                   n.due_at, n.page, 'attention' AS severity, 'duty_test' AS rule, '{}'::jsonb AS evidence,
                   '' AS reason_zh, '' AS reason_en, t.starts_at AS onset, '' AS household, o.name_zh AS address_zh,
                   o.name_en AS address_en, '' AS phone, NULL AS longitude, NULL AS latitude, '' AS area,
                   o.name_zh AS place_zh, o.name_en AS place_en, '' AS resident_zh, '' AS resident_en, '' AS sex
            FROM notification n JOIN duty_test t ON t.id = n.duty_test_id
            JOIN organisation o ON o.id = t.organisation_id
            WHERE n.state = 'waiting' AND n.message_id IS NULL ORDER BY n.id LIMIT %s FOR UPDATE OF n SKIP LOCKED
            """,
            (AT_ONCE,),
        ).fetchall()
    return {row["id"]: row for row in rows}


def _waiting_channel_tests(conn: Connection[Any]) -> dict[int, dict[str, Any]]:
    """Load the tests of channels in the same form; each goes alone."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            SELECT n.id, 'channel test ' || t.id AS about, n.reason, n.step, n.round, n.recipient_kind, n.recipient_key,
                   n.due_at, n.page, 'attention' AS severity, 'channel_test' AS rule, '{}'::jsonb AS evidence,
                   '' AS reason_zh, '' AS reason_en, t.asked_at AS onset, '' AS household, '' AS address_zh,
                   '' AS address_en, '' AS phone, NULL AS longitude, NULL AS latitude, '' AS area,
                   t.name_zh AS place_zh, t.name_en AS place_en, '' AS resident_zh, '' AS resident_en, '' AS sex
            FROM notification n JOIN channel_test t ON t.id = n.channel_test_id
            WHERE n.state = 'waiting' AND n.message_id IS NULL ORDER BY n.id LIMIT %s FOR UPDATE OF n SKIP LOCKED
            """,
            (AT_ONCE,),
        ).fetchall()
    return {row["id"]: row for row in rows}


def _still_wanted(
    conn: Connection[Any], rows: dict[int, dict[str, Any]], now: dt.datetime
) -> dict[int, dict[str, Any]]:
    """Withdraw notifications whose alert is over by now; gives the others."""
    over = [
        row["id"] for row in rows.values() if row["reason"] in WITHDRAWN_BY_AN_ANSWER and row["alert_state"] not in OPEN
    ]
    if over:
        conn.execute("UPDATE notification SET state = 'withdrawn', settled_at = %s WHERE id = ANY(%s)", (now, over))
    return {identity: row for identity, row in rows.items() if identity not in set(over)}


def _within_limits(
    waiting: Sequence[policy.PendingNotification],
    cards: Mapping[Key, Card],
    channels: Channels,
    storms: Mapping[Key, Storm],
    now: dt.datetime,
) -> list[policy.MessageGroup]:
    """Group notifications; recipients who would get more messages than the rate allows get one for everything."""
    next_at = {key: storm.next_at for key, storm in storms.items()}
    groups = policy.group(waiting, now, (), next_at)
    many = Counter(group.members[0].recipient for group in groups if group.severity != "emergency")
    full = {key for key, card in cards.items() if many[key] > 1 and len(card.sent) + many[key] > channels.rate.messages}
    return policy.group(waiting, now, full, next_at) if full else groups


def _as_waiting(row: dict[str, Any]) -> policy.PendingNotification:
    recipient = (row["recipient_kind"], row["recipient_key"])
    page = "" if row["page"] is None else f"{row['page']['purpose']} {row['page']['subject']}"
    if row["reason"] in ("duty_test", "channel_test", "care"):
        page = row["about"]
    return policy.PendingNotification(
        id=row["id"],
        recipient=recipient,
        reason=row["reason"],
        severity=row["severity"],
        rule=row["rule"],
        area=row["area"],
        due_at=row["due_at"],
        page=page,
    )


def _allowed(card: Card, channels: Channels, now: dt.datetime) -> dt.datetime:
    return policy.may_send_at(card.sent, now, "technical", channels.rate.messages, channels.rate.seconds)


def _postpone(conn: Connection[Any], group: policy.MessageGroup, until: dt.datetime) -> None:
    conn.execute("UPDATE notification SET due_at = %s WHERE id = ANY(%s)", (until, [one.id for one in group.members]))


def _make(
    conn: Connection[Any],
    group: policy.MessageGroup,
    rows: Sequence[dict[str, Any]],
    card: Card,
    now: dt.datetime,
    open_emergencies: int,
) -> None:
    first, kind = rows[0], group.members[0].recipient[0]
    # a test an hour before a shift at night comes to somebody who is about to go to work
    due = (
        now if first["reason"] in ("duty_test", "channel_test") else policy.hold_until(card.quiet, group.severity, now)
    )
    row = conn.execute(
        """
        INSERT INTO message (key, recipient_kind, recipient_key, severity, reason, name_zh, name_en, language, route,
                             addresses, channel, content, created_at, due_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s::jsonb, %s, %s) RETURNING id
        """,
        (
            message_key(first["about"], first["reason"], first["step"], first["round"], *group.members[0].recipient),
            *group.members[0].recipient,
            group.severity,
            first["reason"],
            card.name_zh,
            card.name_en,
            card.language,
            list(card.route),
            msgspec.json.encode(card.addresses).decode(),
            card.route[0],
            msgspec.json.encode(
                _content(rows, group.severity, to_family=kind == "contact", open_emergencies=open_emergencies)
            ).decode(),
            now,
            due,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING
    members = [one.id for one in group.members]
    conn.execute("UPDATE notification SET message_id = %s WHERE id = ANY(%s)", (row[0], members))
    if due > now and group.severity == "urgent" and first["reason"] == "escalation":
        # Somebody asleep is left asleep, and somebody who is awake is notified now.
        for member in members:
            notify_next(conn, member, now)


def message_key(about: str, reason: str, step: int, round: int, kind: str, key: str) -> uuid.UUID:
    """Key of the message that begins with this notification: the same in every process, at every time."""
    return uuid.uuid5(MESSAGE_IDS, f"{about}|{reason}|{step}|{round}|{kind}|{key}")


def _how_new(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["round"], row["step"], row["onset"]


def _content(rows: Sequence[dict[str, Any]], severity: str, *, to_family: bool, open_emergencies: int) -> Content:
    ordered = sorted(rows, key=lambda row: (RANK[row["severity"]], row["onset"]))
    if open_emergencies:
        # each alert once, those that are open first, and of them those that were never told before
        by_alert = {row["about"]: row for row in sorted(rows, key=_how_new, reverse=True)}
        ordered = sorted(by_alert.values(), key=lambda row: (row["reason"] == "over", _how_new(row)))
    fields = [name for name in MessageItem.__struct_fields__ if name not in ("alert_id", "kind")]
    items = (
        MessageItem(
            alert_id=row["about"],
            kind=outside(row["rule"], row["severity"], row["evidence"]),
            **{name: row[name] for name in fields},
        )
        for row in ordered[:SAMPLE]
    )
    first = ordered[0]
    return Content(
        reason=first["reason"],
        severity=severity,
        step=first["step"],
        count=first.get("notices") or len({row["about"] for row in rows}),
        open=open_emergencies,
        homes=len({row["household"] for row in rows}),
        place_zh=first["place_zh"],
        place_en=first["place_en"],
        items=tuple(items),
        to_family=to_family,
        told=first.get("told", 0),
        taken_zh=first.get("owner_zh", ""),
        taken_en=first.get("owner_en", ""),
        page=None if rows[0]["page"] is None else msgspec.convert(rows[0]["page"], Page),
    )
