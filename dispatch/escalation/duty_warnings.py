"""Store warnings of holes in the roster, notify once those who can mend them, and withdraw them when mended."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import psycopg

from care_network.duty.centers import desk_of
from dispatch.channels.notifications import Recipient, warn, withdraw_warnings
from dispatch.escalation.holes import DutyWarning
from vocabulary.times import SHANGHAI

MORNING, EVENING = dt.time(8), dt.time(21)
"""People are notified between these (Asia/Shanghai); at night only of holes that cannot wait for the morning."""
LEAD = dt.timedelta(hours=2)
"""Time that somebody needs to come on duty: a hole nearer than this is urgent, and the dispatch desk is told, too."""
SHOWN = 20


class _StoredWarning(msgspec.Struct, frozen=True):
    id: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    seen_until: dt.datetime

    def grew_to(self, now: DutyWarning) -> bool:
        """Whether ``now`` is worse than this. A hole that ended where the roster was last read has not grown."""
        longer = now.ends_at > self.ends_at and self.ends_at < self.seen_until
        return now.starts_at < self.starts_at or longer


def schedule_warning(starts_at: dt.datetime, now: dt.datetime) -> tuple[dt.datetime, Literal["urgent", "attention"]]:
    """Choose when people are notified of a new hole, and its severity. By day at once; at night in the morning, or LEAD
    before it begins where that is earlier. Pure."""
    local = now.astimezone(SHANGHAI)
    due = now
    if not MORNING <= local.time() < EVENING:
        day = local.date() + dt.timedelta(days=local.time() >= EVENING)
        morning = dt.datetime.combine(day, MORNING, SHANGHAI).astimezone(dt.UTC)
        due = max(now, min(morning, starts_at - LEAD))
    return due, "urgent" if starts_at - due <= LEAD else "attention"


def record(
    conn: psycopg.Connection[Any], warnings: Sequence[DutyWarning], at: dt.datetime, until: dt.datetime
) -> list[DutyWarning]:
    """Store the holes of [at, until], notify people of new ones, and withdraw the mended ones; gives the new ones.

    One transaction; of several processes each hole is new for one.
    """
    with conn.transaction():
        conn.execute("LOCK TABLE duty_warning IN SHARE ROW EXCLUSIVE MODE")
        stored: dict[tuple[str, tuple[str, ...]], list[_StoredWarning]] = defaultdict(list)
        for number, place, posts, *span in conn.execute(
            "SELECT id, place, posts, starts_at, ends_at, seen_until FROM duty_warning WHERE gone_at IS NULL"
        ):
            stored[place, tuple(posts)].append(_StoredWarning(number, *span))
        new = []
        for one in warnings:
            alike = stored[one.place_zh, one.posts]
            before = min(
                (k for k in alike if one.starts_at < k.ends_at and k.starts_at < one.ends_at),
                # Of two that overlap (another severity's ladder has other hours) the one with the nearest hours.
                key=lambda k: (k.grew_to(one), abs(k.starts_at - one.starts_at) + abs(k.ends_at - one.ends_at)),
                default=None,
            )
            if before is None or before.grew_to(one):
                new.append(one)
            else:
                alike.remove(before)
                # A hole that has begun is cut off at each reading's start: it is the same.
                starts_at = before.starts_at if one.starts_at <= at else one.starts_at
                conn.execute(
                    "UPDATE duty_warning SET starts_at = %s, ends_at = %s, seen_until = %s, text_zh = %s, text_en = %s"
                    " WHERE id = %s",
                    (starts_at, one.ends_at, until, one.text_zh, one.text_en, before.id),
                )
        gone = [one.id for several in stored.values() for one in several]
        conn.execute("UPDATE duty_warning SET gone_at = %s WHERE id = ANY(%s)", (at, gone))
        withdraw_warnings(conn, gone, at)
        for one in new:
            _insert(conn, one, at, until)
    return new


def warnings(conn: psycopg.Connection[Any], at: dt.datetime, under: str | None = None) -> list[tuple[str, str]]:
    """List texts of holes to be mended, in Chinese and English, the soonest first; ``under``: only of this area's
    homes."""
    return [
        (row[0], row[1])
        for row in conn.execute(
            """
            SELECT text_zh, text_en FROM duty_warning
            WHERE gone_at IS NULL AND ends_at > %(at)s AND (%(under)s::ltree IS NULL OR areas <@ %(under)s::ltree)
            ORDER BY starts_at, id LIMIT %(most)s
            """,
            {"at": at, "under": under, "most": SHOWN},
        )
    ]


def _insert(conn: psycopg.Connection[Any], one: DutyWarning, at: dt.datetime, until: dt.datetime) -> None:
    due, severity = schedule_warning(one.starts_at, at)
    row = conn.execute(
        """
        INSERT INTO duty_warning (place, place_en, areas, posts, starts_at, ends_at, severity, seen_until, text_zh,
                                  text_en, silent, found_at)
        VALUES (%s, %s, %s::text[]::ltree[], %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        (
            one.place_zh, one.place_en, list(one.areas), list(one.posts), one.starts_at, one.ends_at, severity, until,
            one.text_zh, one.text_en, one.silent, at,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … RETURNING
    warn(conn, row[0], _menders(conn, one, desk=severity == "urgent"), at, due)


def _menders(conn: psycopg.Connection[Any], one: DutyWarning, *, desk: bool) -> list[Recipient]:
    """List the people with a login who may change the roster there: the dispatchers of the homes' areas, and the
    managers of the organisations that have nobody. ``desk``, or where there are none: the dispatch desk of the
    first area, too."""
    people = [
        Recipient("staff", row[0])
        for row in conn.execute(
            """
            SELECT s.code FROM staff s JOIN account a ON a.id = s.account_id AND a.active
            JOIN organisation o ON o.id = s.organisation_id
            WHERE s.active AND (
                (a.role IN ('dispatcher', 'lead', 'manager', 'station')
                    AND a.area_path @> ANY (%(areas)s::text[]::ltree[]))
                OR (s.kind = 'manager' AND o.code = ANY (%(posts)s)))
            ORDER BY s.code
            """,
            {"areas": list(one.areas), "posts": list(one.posts)},
        )
    ]
    center = desk_of(conn, one.areas[0]) if one.areas and (desk or not people) else None
    return people if center is None else [*people, Recipient("organisation", center[1])]
