"""Merge alerts of one home that are one incident: one leads, the others follow its state and call nobody by themselves.

Nothing is lost: evidence and history of each stay its own, and are reached from the lead. The gravest leads, so that
the merged incident is never milder than any of its alerts.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from dispatch.alerts import lifecycle
from dispatch.alerts.states import AlertAction, LifecycleError, next_state
from dispatch.core.headline import headline_of
from dispatch.core.history import Actor, append
from dispatch.ladders import ladder
from dispatch.ladders.policy import HELD
from vocabulary.alert_state import AlertState
from vocabulary.severity import RANK, Severity

TOGETHER = dt.timedelta(minutes=15)
"""Alerts of a home whose begins lie no further apart are offered as one incident."""
_LEADING: dict[str, AlertAction] = {"acknowledged": "acknowledge", "responding": "respond", "on_scene": "arrive"}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert of the same home that may be the same incident, or one that is merged already."""

    alert_id: uuid.UUID
    version: int
    severity: Severity
    state: AlertState
    headline_zh: str
    headline_en: str
    reason_zh: str
    reason_en: str
    onset: dt.datetime
    owner_zh: str
    owner_en: str
    leads: bool
    """Whether it would lead, being graver, further along or older."""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    rule: str
    version: int
    severity: Severity
    state: AlertState
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any]
    onset: dt.datetime
    raised_at: dt.datetime
    owner_zh: str
    owner_en: str


def offers(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> list[Offer]:
    """List the open alerts of the same home that began within TOGETHER of this one and are not merged, the gravest
    first; technical ones with technical ones only. Empty for an alert that is not open, or follows another."""
    return _offers(
        conn,
        alert_id,
        """
        SELECT o.* FROM alert a JOIN alert o ON o.household_id = a.household_id AND o.id <> a.id
        WHERE a.id = %(id)s AND alert_is_open(a.state) AND a.merged_into IS NULL AND alert_is_open(o.state)
          AND o.merged_into IS NULL AND (a.severity = 'technical') = (o.severity = 'technical')
          AND o.onset BETWEEN a.onset - %(together)s AND a.onset + %(together)s
        """,
    )


def followers(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> list[Offer]:
    """List the alerts that are merged into this one, the gravest first."""
    return _offers(conn, alert_id, "SELECT * FROM alert WHERE merged_into = %(id)s")


def merge(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    other_id: uuid.UUID,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
) -> uuid.UUID:
    """Merge an alert with one of its :func:`offers`; gives the one that leads: the graver, else the one that is further
    along, else the older. The lead keeps its state, its owner and its ladder; the other follows.

    Raises AlertChanged where the first is no longer at ``expected_version``, LifecycleError where they cannot be
    merged (any more).
    """
    with conn.transaction():
        # Leads in the order of their ids, as everywhere.
        for one in sorted((alert_id, other_id)):
            conn.execute("SELECT FROM alert WHERE id = %s FOR UPDATE", (one,))
        lifecycle.find(conn, alert_id, expected_version)
        if not any(offer.alert_id == other_id for offer in offers(conn, alert_id)):
            raise LifecycleError(
                zh="这两条预警不能合并：须为同一户 15 分钟内发生、尚未办结的预警",
                en="these two cannot be merged: both are open, of one home, and begin within 15 minutes",
            )
        mine, theirs = _load(conn, alert_id), _load(conn, other_id)
        lead, follower = sorted((mine, theirs), key=_first)
        moved = conn.execute(
            "UPDATE alert SET merged_into = %s WHERE merged_into = %s OR id = %s RETURNING id",
            (lead.id, follower.id, follower.id),
        ).fetchall()
        for (one,) in moved:
            _follow(conn, one, follower, lead, actor, at)
        lifecycle.change(
            conn, lead.id, lead.state, "merge", at, actor, note=f"并入：{headline_of(follower)[0]}",
            note_en=f"merged into it: {headline_of(follower)[1]}",
        )  # fmt: skip
        if lead.state == "raised":
            ladder.go_on(conn, lead.id)
        return lead.id


def unmerge(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, actor: Actor, at: dt.datetime, *, expected_version: int
) -> AlertState:
    """Make an open alert that follows another one of its own again, in the same state; its ladder goes on.

    Raises AlertChanged, and LifecycleError where it is closed or follows none.
    """
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version, merged=True)
        next_state(found.state, "unmerge")
        if found.lead is None:
            raise LifecycleError(zh="这条预警没有合并", en="this alert is not merged")
        conn.execute("UPDATE alert SET merged_into = NULL WHERE id = %s", (alert_id,))
        alone = _load(conn, alert_id)
        words = headline_of(alone)
        lifecycle.change(conn, alert_id, found.state, "unmerge", at, actor, note="取消合并", note_en="on its own again")
        lifecycle.change(
            conn, found.lead, found.state, "unmerge", at, actor, note=f"取消合并：{words[0]}",
            note_en=f"no longer merged into it: {words[1]}",
        )  # fmt: skip
        row = conn.execute("SELECT household_id FROM alert WHERE id = %s", (alert_id,)).fetchone()
        assert row is not None  # noqa: S101 - it is locked
        ladder.begin_again(conn, alert_id, found.severity, row[0], found.state, at)
        return found.state


def _follow(
    conn: psycopg.Connection[Any], alert_id: uuid.UUID, follower: _Row, lead: _Row, actor: Actor, at: dt.datetime
) -> None:
    """Bring one to the state and the owner of its lead, with the events by which its service level is measured."""
    zh, en = headline_of(lead)
    append(
        conn, alert_id, at, "merge", follower.state, lead.state, actor, note=f"合并到：{zh}",
        note_en=f"merged into: {en}",
    )  # fmt: skip
    if lead.state != follower.state and lead.state in _LEADING:
        append(
            conn, alert_id, at, _LEADING[lead.state], lead.state, lead.state, actor, note="随主预警",
            note_en="with its lead",
        )  # fmt: skip
    conn.execute(
        """
        UPDATE alert f SET state = l.state, version = f.version + 1, snoozed_until = NULL, owner_id = l.owner_id,
                           owner_zh = l.owner_zh, owner_en = l.owner_en
        FROM alert l WHERE l.id = %s AND f.id = %s
        """,
        (lead.id, alert_id),
    )
    ladder.follow(conn, alert_id, at)


def _first(row: _Row) -> tuple[int, int, dt.datetime, uuid.UUID]:
    further = HELD.index(row.state) + 1 if row.state in HELD else 0
    return RANK[row.severity], -further, row.raised_at, row.id


def _load(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> _Row:
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        row = cursor.execute(f"SELECT {_FIELDS} FROM alert WHERE id = %s", (alert_id,)).fetchone()  # noqa: S608 - names
    assert row is not None  # noqa: S101 - the caller holds it
    return row


_FIELDS = "id, rule, version, severity, state, reason_zh, reason_en, evidence, onset, raised_at, owner_zh, owner_en"


def _offers(conn: psycopg.Connection[Any], alert_id: uuid.UUID, which: str) -> list[Offer]:
    with conn.cursor(row_factory=class_row(_Row)) as cursor:
        own = cursor.execute(f"SELECT {_FIELDS} FROM alert WHERE id = %s", (alert_id,)).fetchone()  # noqa: S608
        rows = cursor.execute(
            f"SELECT {_FIELDS} FROM ({which}) AS o ORDER BY severity_rank(severity), onset",  # noqa: S608
            {"id": alert_id, "together": TOGETHER},
        ).fetchall()
    return [
        Offer(
            alert_id=row.id, version=row.version, severity=row.severity, state=row.state,
            headline_zh=headline_of(row)[0], headline_en=headline_of(row)[1], reason_zh=row.reason_zh,
            reason_en=row.reason_en, onset=row.onset, owner_zh=row.owner_zh, owner_en=row.owner_en,
            leads=own is not None and _first(row) < _first(own),
        )
        for row in rows
    ]  # fmt: skip
