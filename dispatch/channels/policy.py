"""Decide when, by which channels and how often to send: quiet hours, routes, pauses, rate limits, grouping. Pure."""

import datetime as dt
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from vocabulary.severity import RANK
from vocabulary.times import SHANGHAI

EMERGENCY_BACKOFF_S, BACKOFF_S, BACKOFF_MOST_S = 1.0, 5.0, 300.0
EMERGENCY_ATTEMPTS = 2
"""Attempts for an emergency on a channel while there is another: 60 s to the acknowledgement leave no time for more."""
STORM = 5
"""Number of emergencies alike, at one moment for one person, that become one message; none of them waits for it."""


class QuietHours(msgspec.Struct, frozen=True):
    """Hours by Shanghai's clock in which somebody does not want to be woken; over midnight where it ends earlier."""

    starts: dt.time
    ends: dt.time


def hold_until(quiet: QuietHours | None, severity: str, now: dt.datetime) -> dt.datetime:
    """Time at which a message may go: ``now``, or the end of the quiet hours. They never hold an emergency."""
    if quiet is None or severity == "emergency" or quiet.starts == quiet.ends:
        return now
    local = now.astimezone(SHANGHAI)
    for day in (local.date() - dt.timedelta(days=1), local.date()):
        start = dt.datetime.combine(day, quiet.starts, SHANGHAI)
        over_midnight = dt.timedelta(days=1) if quiet.ends < quiet.starts else dt.timedelta(0)
        end = dt.datetime.combine(day, quiet.ends, SHANGHAI) + over_midnight
        if start <= local < end:
            return end.astimezone(dt.UTC)
    return now


def route(preferred: Sequence[str], usual: Sequence[str], addresses: Mapping[str, str]) -> tuple[str, ...]:
    """Choose the channels to try, in order: those that the person prefers, or the usual ones; only with an address.

    Preferred channels that do not exist any more are left out; where none is left, the usual ones are tried: better the
    wrong channel than none.
    """
    wanted = [name for name in preferred if name in addresses] or [name for name in usual if name in addresses]
    return tuple(dict.fromkeys(wanted))


def attempts_allowed(severity: str, attempts: int, *, another: bool) -> int:
    """Number of attempts on a channel before the next one; ``another``: whether there is one."""
    return min(attempts, EMERGENCY_ATTEMPTS) if severity == "emergency" and another else attempts


def pause_s(severity: str, attempt: int, key: str, asked_s: float | None = None) -> float:
    """Seconds before attempt ``attempt + 1``: doubling, at most BACKOFF_MOST_S, spread by ±20 % (the same for a key).

    A peer that asks for more gets it.
    """
    base = EMERGENCY_BACKOFF_S if severity == "emergency" else BACKOFF_S
    spread = 0.8 + 0.4 * (zlib.crc32(f"{key}{attempt}".encode()) % 1000) / 1000
    pause = min(base * 2.0 ** min(attempt - 1, 16), BACKOFF_MOST_S) * spread
    return max(pause, asked_s or 0.0)


def may_send_at(
    sent: Sequence[dt.datetime], now: dt.datetime, severity: str, messages: int, seconds: float
) -> dt.datetime:
    """Time at which one more message to a recipient keeps within ``messages`` in ``seconds``; ``sent``: recent times.

    Emergencies go at once.
    """
    if severity == "emergency":
        return now
    window = dt.timedelta(seconds=seconds)
    recent = sorted(moment for moment in sent if moment > now - window)
    return now if len(recent) < messages else recent[-messages] + window


class PendingNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that is in no message yet."""

    id: int
    recipient: tuple[str, str]
    reason: str
    severity: str
    rule: str
    area: str
    """Path of the area in which the household lies, mostly its compound."""
    due_at: dt.datetime
    page: str = ""
    """The page to which its link leads, or the test that it answers; notifications of two never share a message."""


class MessageGroup(NamedTuple):
    """Notifications that go as one message, the oldest first."""

    members: tuple[PendingNotification, ...]

    @property
    def severity(self) -> str:
        """The gravest of its members'."""
        return min((member.severity for member in self.members), key=RANK.__getitem__)


def group(
    waiting: Iterable[PendingNotification],
    now: dt.datetime,
    overflowing: Iterable[tuple[str, str]] = (),
    storms: Mapping[tuple[str, str], dt.datetime] | None = None,
) -> list[MessageGroup]:
    """Group the notifications that go now, gravest first. Those that are not due, and not like one that is, stay.

    Alike: the same recipient, reason, severity, rule and compound: a power cut is one message with its eighty homes.
    Emergencies go one by one and at once; from STORM of them alike that are here at the same time, as one.
    ``overflowing``: recipients who got too many messages of late; they get one for all that is not an emergency.
    ``storms``: recipients with too many open emergencies, and when their next message may go: it has all of them, but
    for those that lead to a page of their own.
    """
    full, storms = set(overflowing), storms or {}
    by_kind: dict[tuple[Any, ...], list[PendingNotification]] = {}
    for one in waiting:
        kind: tuple[Any, ...] = (one.reason, one.severity, one.rule, one.area)
        if one.page:
            kind = ("page", one.page, one.severity)
        elif one.recipient in storms and one.severity == "emergency":
            kind = ("storm",)
        elif one.recipient in full and one.severity != "emergency":
            kind = ("all",)
        by_kind.setdefault((one.recipient, *kind), []).append(one)
    groups = []
    for (recipient, *what), members in by_kind.items():
        members.sort(key=lambda one: one.id)
        if what == ["storm"]:
            if storms[recipient] <= now:
                groups.append(MessageGroup(tuple(members)))
        elif members[0].severity == "emergency":
            together = len(members) >= STORM
            groups += [MessageGroup(tuple(members))] if together else [MessageGroup((one,)) for one in members]
        elif any(one.due_at <= now for one in members):
            groups.append(MessageGroup(tuple(members)))
    return sorted(groups, key=lambda one: (RANK[one.severity], one.members[0].id))
