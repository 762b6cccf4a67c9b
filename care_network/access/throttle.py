"""The wait after wrong passwords, by arithmetic over the recent failures.

Three counts apply to each attempt: this login from this origin, any login from this origin, and this login from
anywhere. The last one does not bind an origin from which the login has succeeded before, nor whoever brings the
present code of the account's app, so that nobody can lock the dispatcher out of the console by typing wrong passwords
elsewhere. Any other place is looked at once in LONGEST_TURN, however many go on guessing: a dispatcher who has to log
in from a new place waits so long at most. The price: K addresses have 6 K guesses an hour at one login; a second factor
makes them worth nothing.
"""

import datetime as dt
import ipaddress
import math
from collections.abc import Sequence

import msgspec

WINDOW = dt.timedelta(hours=1)
"""Failures older than this are forgotten."""


LONGEST_TURN = dt.timedelta(minutes=10)
"""The longest that others' wrong passwords keep a place waiting from which nobody has guessed."""


class Allowance(msgspec.Struct, frozen=True):
    """Wrong attempts without a wait (``free``); each further one doubles the wait, from 2 s up to ``longest``."""

    free: int
    longest: dt.timedelta = dt.timedelta(minutes=15)


PAIR = Allowance(free=5)
ORIGIN = Allowance(free=20)
"""A call center may sit behind one address."""
LOGIN = Allowance(free=10)


class Failures(msgspec.Struct, frozen=True):
    """Failed attempts within WINDOW: how many, and when the last one was."""

    count: int
    last: dt.datetime | None


def wait_s(failures: Failures, allowance: Allowance, now: dt.datetime) -> int:
    """Seconds, rounded up, until the next attempt is looked at; 0: now."""
    over = failures.count - allowance.free
    if over < 0 or failures.last is None:
        return 0
    delay = min(2.0 ** min(over + 1, 30), allowance.longest.total_seconds())
    return max(0, math.ceil(delay - (now - failures.last).total_seconds()))


def turn_s(asked_at: dt.datetime, now: dt.datetime) -> int:
    """Seconds until it is the turn of a place that waits for others' wrong passwords since ``asked_at``; 0: now."""
    return max(0, math.ceil((asked_at + LONGEST_TURN - now).total_seconds()))


def longest_wait_s(checks: Sequence[tuple[Failures, Allowance]], now: dt.datetime) -> int:
    """The wait of the strictest count."""
    return max((wait_s(failures, allowance, now) for failures, allowance in checks), default=0)


def network_of(address: str) -> str:
    """The network that an address is counted by: IPv6 by /64, of which every customer has 2⁶⁴ addresses (RFC 6177).

    An IPv4 address, mapped into IPv6 or not, stands for itself; so does a text that is no address.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
