"""Send what is due: reminders of one recipient become a digest, and a digest is handed to whoever sends messages.

A notice that asks for an answer is a digest of its own, so that its link leads to where it is answered.

The wing has no channels of its own. The process that makes the rounds lends it a :class:`Post`.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Literal, LiteralString, Protocol

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_services.core.notice_kinds import ALONE, TRIES, again_at, is_night, words_of
from care_services.core.notices import SignedPage

BATCH = 200
"""Recipients of one transaction."""
LOST_AFTER = dt.timedelta(minutes=30)
"""A digest that nobody has sent by then: how it stands is not known; the delivery service may not run."""
FOLLOWED = dt.timedelta(days=2)
"""So long after it was made a digest's receipts are asked for."""
Fate = Literal["waiting", "sent", "delivered", "failed", "withdrawn"]


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be sent. ``to``: the kind and key by which messages know the recipient; empty: nobody in the records
    but the digest itself. ``page``: where its link leads."""

    id: int
    to: tuple[str, str] | None
    urgent: bool
    page: SignedPage


class Post(Protocol):
    """Messages of the platform, each call a part of the caller's transaction."""

    def send(self, conn: Connection[Any], digest: Digest, now: dt.datetime) -> None:
        """Hand a digest over; one that was handed over before is left as it is."""
        ...

    def fates(self, conn: Connection[Any], digests: Collection[int]) -> Mapping[int, Fate]:
        """How they went so far; one that is missing is not known."""
        ...

    def take_back(self, conn: Connection[Any], digests: Collection[int], now: dt.datetime) -> None:
        """Do not send those that are not sent yet."""
        ...


DIGEST_PAGE = ("/n", "care_digest")
"""Path and purpose of the page that lists a digest's notices, or leads on to the page of its only one."""


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    to_kind: str
    to_key: str
    ids: list[int]
    kinds: list[str]
    urgent: bool


class _Whom(msgspec.Struct, frozen=True, kw_only=True):
    to_kind: str
    to_key: str
    why: str
    """A reason not to tell them."""
    kind: str
    key: str
    name_zh: str
    name_en: str
    language: str
    phone: str
    """Of somebody who is neither staff nor a contact."""
    telephone: str
    """By which they are reached today, whoever they are."""
    account_id: int | None


_READY: LiteralString = """
    SELECT to_kind, to_key, array_agg(id ORDER BY id) AS ids, array_agg(kind ORDER BY id) AS kinds,
           bool_or(urgent) AS urgent
    FROM (SELECT * FROM care_notice WHERE state = 'queued' AND send_at <= %(now)s AND (urgent OR NOT %(night)s)
          AND (to_kind, to_key) IN (
              SELECT to_kind, to_key FROM care_notice WHERE state = 'queued' AND send_at <= %(now)s
                AND (urgent OR NOT %(night)s) GROUP BY to_kind, to_key ORDER BY min(id) LIMIT %(most)s)
          FOR UPDATE SKIP LOCKED) ready
    GROUP BY to_kind, to_key, CASE WHEN kind = ANY (%(alone)s) THEN id END ORDER BY min(id)
"""
_WHOM: LiteralString = """
    SELECT w.to_kind, w.to_key,
           CASE WHEN w.to_kind = 'contact' AND c.id IS NOT NULL AND c.consent_at IS NULL THEN 'no_consent'
                WHEN coalesce(s.id, c.id, o.id, v.id, a.id) IS NULL THEN 'gone' ELSE '' END AS why,
           CASE WHEN s.id IS NOT NULL THEN 'staff' WHEN c.id IS NOT NULL THEN 'contact'
                WHEN o.id IS NOT NULL THEN 'organisation' ELSE '' END AS kind,
           coalesce(s.code, cr.code || '/' || c.phone, o.code, '') AS key,
           coalesce(s.name_zh, c.name_zh, o.name_zh, v.name_zh, a.name_zh, '') AS name_zh,
           coalesce(s.name_en, c.name_en, o.name_en, v.name_en, a.name_en, '') AS name_en,
           coalesce(a.language, c.language, 'zh') AS language, coalesce(v.phone, '') AS phone,
           coalesce(s.phone, c.phone, v.phone, '') AS telephone, a.id AS account_id
    FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS w (to_kind, to_key)
    LEFT JOIN time_volunteer v ON w.to_kind = 'volunteer' AND v.code = w.to_key AND v.state <> 'ended'
    LEFT JOIN organisation o ON w.to_kind = 'organisation' AND o.code = w.to_key AND o.active
    LEFT JOIN account asked ON w.to_kind = 'account' AND asked.id::text = w.to_key AND asked.active
    LEFT JOIN LATERAL (
        SELECT * FROM staff s WHERE s.active AND (w.to_kind = 'staff' AND s.code = w.to_key OR s.id = v.staff_id
            OR s.account_id = asked.id) ORDER BY s.id LIMIT 1) s ON true
    LEFT JOIN LATERAL (
        SELECT k.* FROM contact k JOIN resident r ON r.id = k.resident_id
        JOIN household h ON h.id = r.household_id AND NOT h.synthetic
        WHERE w.to_kind = 'contact' AND r.code = split_part(w.to_key, '/', 1) AND r.code || '/' || k.phone = w.to_key
           OR s.id IS NULL AND k.account_id = asked.id AND k.consent_at <= %(now)s
        ORDER BY k.id LIMIT 1) c ON true
    LEFT JOIN resident cr ON cr.id = c.resident_id
    LEFT JOIN account a ON a.id = coalesce(asked.id, s.account_id, c.account_id) AND a.active
"""


def look(conn: Connection[Any], now: dt.datetime, post: Post) -> int:
    """Follow what is under way, take back what is over, hand over what is due; how many notices moved."""
    moved = _follow(conn, now, post) + _take_back(conn, now, post)
    while True:
        done = _hand_over(conn, now, post)
        moved += done
        if not done:
            return moved


def _hand_over(conn: Connection[Any], now: dt.datetime, post: Post) -> int:
    with conn.transaction():
        with conn.cursor(row_factory=class_row(_Ready)) as cursor:
            asks = {"now": now, "night": is_night(now), "most": BATCH, "alone": list(ALONE)}
            ready = cursor.execute(_READY, asks).fetchall()
        if not ready:
            return 0
        whom = _whom(conn, {(one.to_kind, one.to_key) for one in ready}, now)
        for one in ready:
            person = whom[one.to_kind, one.to_key]
            if person.why:
                conn.execute(
                    "UPDATE care_notice SET state = 'withdrawn', why = %s, state_at = %s WHERE id = ANY (%s)",
                    (person.why, now, one.ids),
                )
            else:
                _send(conn, one, person, now, post)
    return sum(len(one.ids) for one in ready)


def _whom(
    conn: Connection[Any], recipients: Collection[tuple[str, str]], now: dt.datetime
) -> dict[tuple[str, str], _Whom]:  # fmt: skip
    asks = {"now": now, "kinds": [kind for kind, _ in recipients], "keys": [key for _, key in recipients]}
    with conn.cursor(row_factory=class_row(_Whom)) as people:
        return {(one.to_kind, one.to_key): one for one in people.execute(_WHOM, asks).fetchall()}


def telephone_of(conn: Connection[Any], digest: int, now: dt.datetime) -> str | None:
    """The telephone of a digest's recipient, '' without one; None where they may be told nothing any more.

    A contact may not once the resident's consent is withdrawn, nobody once they are gone.
    """
    row = conn.execute("SELECT to_kind, to_key FROM care_digest WHERE id = %s", (digest,)).fetchone()
    person = None if row is None else _whom(conn, [(row[0], row[1])], now).get((row[0], row[1]))
    return None if person is None or person.why else person.telephone


def _send(conn: Connection[Any], one: _Ready, person: _Whom, now: dt.datetime, post: Post) -> None:
    zh, en = words_of(one.kinds)
    row = conn.execute(
        "INSERT INTO care_digest (to_kind, to_key, name_zh, name_en, language, phone, account_id, urgent, notices,"
        " words_zh, words_en, made_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            one.to_kind, one.to_key, person.name_zh, person.name_en, person.language, person.phone, person.account_id,
            one.urgent, len(one.ids), zh, en, now,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … RETURNING
    conn.execute(
        "UPDATE care_notice SET state = 'handed', state_at = %s, tries = tries + 1, digest_id = %s WHERE id = ANY (%s)",
        (now, row[0], one.ids),
    )
    page = SignedPage(*DIGEST_PAGE, str(row[0]))
    to = (person.kind, person.key) if person.kind else None
    post.send(conn, Digest(id=row[0], to=to, urgent=one.urgent, page=page), now)


def _follow(conn: Connection[Any], now: dt.datetime, post: Post) -> int:
    """Note how digests went; one that failed is tried again on the next morning, TRIES times in all."""
    rows = conn.execute(
        "SELECT d.id, d.made_at FROM care_digest d WHERE d.made_at > %s AND EXISTS (SELECT FROM care_notice n"
        " WHERE n.digest_id = d.id AND n.state IN ('handed', 'unknown', 'sent'))",
        (now - FOLLOWED,),
    ).fetchall()
    made = {row[0]: row[1] for row in rows}
    fates = post.fates(conn, list(made)) if made else {}
    by_state: dict[str, list[int]] = {}
    for number, at in made.items():
        fate = fates.get(number)
        lost = now - at > LOST_AFTER and fate in (None, "waiting")
        state = "unknown" if lost else {None: "handed", "waiting": "handed"}.get(fate, str(fate))
        by_state.setdefault(state, []).append(number)
    moved = 0
    for state, numbers in by_state.items():
        if state == "failed":
            moved += conn.execute(
                "UPDATE care_notice SET state = CASE WHEN tries < %(tries)s THEN 'queued' ELSE 'failed' END,"
                " send_at = %(again)s, state_at = %(now)s"
                " WHERE digest_id = ANY (%(ids)s) AND state IN ('handed', 'unknown', 'sent')",
                {"tries": TRIES, "again": again_at(now), "now": now, "ids": numbers},
            ).rowcount
        elif state != "withdrawn":
            moved += conn.execute(
                "UPDATE care_notice SET state = %(state)s, state_at = %(now)s WHERE digest_id = ANY (%(ids)s)"
                " AND state IN ('handed', 'unknown', 'sent') AND state <> %(state)s",
                {"state": state, "now": now, "ids": numbers},
            ).rowcount
    return moved


def _take_back(conn: Connection[Any], now: dt.datetime, post: Post) -> int:
    """Take digests back of which no notice is left that is to be told."""
    empty = conn.execute(
        "SELECT d.id FROM care_digest d WHERE d.made_at > %s AND EXISTS (SELECT FROM care_notice n"
        " WHERE n.digest_id = d.id AND n.state = 'withdrawn' AND n.state_at > %s) AND NOT EXISTS ("
        " SELECT FROM care_notice n WHERE n.digest_id = d.id AND n.state <> 'withdrawn')",
        (now - FOLLOWED, now - dt.timedelta(hours=1)),
    ).fetchall()
    if empty:
        post.take_back(conn, [row[0] for row in empty], now)
    return 0
