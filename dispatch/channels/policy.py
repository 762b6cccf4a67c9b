"""The rules of sending, pure: quiet hours, the order of channels, pauses between attempts, rate limits, grouping."""

import datetime as dt
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from vocabulary.severity import RANK
from vocabulary.times import SHANGHAI

EMERGENCY_BACKOFF_S, BACKOFF_S, BACKOFF_MOST_S = 1.0, 5.0, 300.0
EMERGENCY_ATTEMPTS = 2
"""On a channel of an emergency while there is another: 60 s to the acknowledgement leave no time for patience."""
STORM = 5
"""So many emergencies alike, at the same moment for the same person, become one message; none of them waits for it."""


class QuietHours(msgspec.Struct, frozen=True):
    """Hours by Shanghai's clock in which somebody does not want to be woken; over midnight where it ends earlier."""

    starts: dt.time
    ends: dt.time


def hold_until(quiet: QuietHours | None, severity: str, now: dt.datetime) -> dt.datetime:
    """When a message may go: ``now``, or the end of the quiet hours. They never hold an emergency."""
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
    """The channels to try, in order: those that the person prefers, or the usual ones; only those with an address.

    What was preferred and is not there any more is left out; where nothing is left, the usual ones are tried: better
    the wrong channel than none.
    """
    wanted = [name for name in preferred if name in addresses] or [name for name in usual if name in addresses]
    return tuple(dict.fromkeys(wanted))


def attempts_allowed(severity: str, attempts: int, *, another: bool) -> int:
    """How often a channel is tried before the next one; ``another``: whether there is one."""
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
    """When one more message to a recipient keeps within ``messages`` in ``seconds``; ``sent``: those of late.

    Emergencies go at once.
    """
    if severity == "emergency":
        return now
    window = dt.timedelta(seconds=seconds)
    recent = sorted(moment for moment in sent if moment > now - window)
    return now if len(recent) < messages else recent[-messages] + window


class PendingNotification(NamedTuple):
    """A notification that is in no message yet."""

    id: int
    recipient: tuple[str, str]
    reason: str
    severity: str
    rule: str
    area: str
    """Path of the compound, or of whatever the household lies in."""
    due_at: dt.datetime
    page: str = ""
    """Whose page its link leads to; of two pages nobody makes one message."""


class MessageGroup(NamedTuple):
    """Notifications that go as one message; the first was asked for first."""

    members: tuple[PendingNotification, ...]

    @property
    def severity(self) -> str:
        return min((member.severity for member in self.members), key=RANK.__getitem__)


def group(
    waiting: Iterable[PendingNotification], now: dt.datetime, overflowing: Iterable[tuple[str, str]] = ()
) -> list[MessageGroup]:
    """What goes now, gravest first. Whatever is not due, and not like something that is, stays.

    Alike: the same recipient, reason, severity, rule and compound: a power cut is one message with its eighty homes.
    Emergencies go one by one and at once; from STORM of them alike that are here at the same time, as one.
    ``overflowing``: recipients who got too many messages of late; all that is not an emergency becomes one for them.
    """
    full = set(overflowing)
    alike: dict[tuple[object, ...], list[PendingNotification]] = {}
    for one in waiting:
        what: tuple[object, ...] = (one.reason, one.severity, one.rule, one.area)
        if one.page:
            what = ("page", one.page, one.severity)
        elif one.recipient in full and one.severity != "emergency":
            what = ("all",)
        alike.setdefault((one.recipient, *what), []).append(one)
    groups = []
    for members in alike.values():
        members.sort(key=lambda one: one.id)
        if members[0].severity == "emergency":
            together = len(members) >= STORM
            groups += [MessageGroup(tuple(members))] if together else [MessageGroup((one,)) for one in members]
        elif any(one.due_at <= now for one in members):
            groups.append(MessageGroup(tuple(members)))
    return sorted(groups, key=lambda one: (RANK[one.severity], one.members[0].id))
