"""The rules of the books, over plain data: lots by age, whose minutes go first, what expires, statements. Pure.

Each entry carries the day on which its minutes were earned, and keeps it wherever they go: a transfer makes nothing
young again. The minutes of one day in one account are a *lot*; whoever spends, spends the oldest lots first (FIFO).
"""

import calendar
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from care_network.errors import ProvisioningError

ISSUER, EXPIRED = "issuer", "expired"
UNBOUNDED = frozenset({ISSUER, EXPIRED})
"""Kinds of accounts without lots: the issuer may be negative, and nothing is drawn from what has expired."""


class OverdrawnError(ProvisioningError):
    """The account has fewer minutes than are asked for."""

    code = "overdrawn"


def overdrawn(wanted: int, there: int) -> OverdrawnError:
    """Make the refusal of a booking for which there are too few minutes."""
    return OverdrawnError(
        zh=f"余额不足：需要 {wanted} 分钟，现有 {there} 分钟",
        en=f"too few minutes: {wanted} are needed, and there are {there}",
        field="minutes",
    )


class Leg(msgspec.Struct, frozen=True, gc=False):
    """An entry: minutes to (or, negative, from) an account, of the day on which they were earned."""

    account: int
    minutes: int
    earned_on: dt.date


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Minutes of one day that are left in an account."""

    earned_on: dt.date
    minutes: int


def draw(lots: Iterable[Lot], minutes: int) -> list[Lot]:
    """Take minutes from lots, the oldest first. Raises OverdrawnError, and ProvisioningError for none at all."""
    if minutes <= 0:
        raise ProvisioningError(zh="请填写 1 分钟以上的时长", en="write one minute or more", field="minutes")
    ordered = sorted((lot for lot in lots if lot.minutes > 0), key=lambda lot: lot.earned_on)
    there = sum(lot.minutes for lot in ordered)
    if there < minutes:
        raise overdrawn(minutes, there)
    taken: list[Lot] = []
    left = minutes
    for lot in ordered:
        if left == 0:
            break
        part = min(left, lot.minutes)
        taken.append(Lot(lot.earned_on, part))
        left -= part
    return taken


def move(lots: Iterable[Lot], giver: int, taker: int, minutes: int) -> list[Leg]:
    """Entries that move minutes from one account to another, the oldest first; they keep their age."""
    if giver == taker:
        raise ProvisioningError(
            zh="转出和转入不能是同一账户", en="the two accounts must be different ones", field="taker"
        )
    return [
        leg
        for lot in draw(lots, minutes)
        for leg in (Leg(giver, -lot.minutes, lot.earned_on), Leg(taker, lot.minutes, lot.earned_on))
    ]


def expiring(lots: Mapping[int, Sequence[Lot]], expired: int, before: dt.date) -> list[Leg]:
    """Entries by which everything that was earned before a day expires; ``expired``: the account it goes to."""
    return [
        leg
        for account in sorted(lots)
        for lot in sorted(lots[account], key=lambda lot: lot.earned_on)
        if lot.minutes > 0 and lot.earned_on < before
        for leg in (Leg(account, -lot.minutes, lot.earned_on), Leg(expired, lot.minutes, lot.earned_on))
    ]


def reversed_legs(legs: Iterable[Leg]) -> list[Leg]:
    """The entries that undo others."""
    return [Leg(leg.account, -leg.minutes, leg.earned_on) for leg in legs]


class Earning(msgspec.Struct, frozen=True, gc=False):
    """An earning of a help in the order of the books, and the reversal that took it back; None: it stands."""

    number: int
    reversal: uuid.UUID | None


def open_again(earnings: Iterable[Earning]) -> uuid.UUID | None:
    """The reversal after which a help may be earned anew; None: it was never earned, or what it earned stands."""
    known = sorted(earnings, key=lambda one: one.number)
    return known[-1].reversal if known and all(one.reversal is not None for one in known) else None


def check(legs: Sequence[Leg]) -> None:
    """Hold entries to the first rule of the books. Raises ValueError where they do not sum to zero."""
    if len(legs) < 2 or sum(leg.minutes for leg in legs) != 0 or any(leg.minutes == 0 for leg in legs):
        raise ValueError("the entries of a transaction sum to zero")


def apply(
    lots: Mapping[tuple[int, dt.date], int], legs: Iterable[Leg], unbounded: frozenset[int]
) -> dict[tuple[int, dt.date], int]:
    """Book entries on lots, as the database does. Raises OverdrawnError where a lot would be negative."""
    after = dict(lots)
    for leg in legs:
        if leg.account in unbounded:
            continue
        key = (leg.account, leg.earned_on)
        after[key] = after.get(key, 0) + leg.minutes
        if after[key] < 0:
            raise overdrawn(-leg.minutes, after[key] - leg.minutes)
    return after


def months_before(day: dt.date, months: int) -> dt.date:
    """The day so many months earlier; the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a statement: a transaction as one account sees it, and the balance after it."""

    at: dt.datetime
    number: int
    kind: str
    minutes: int
    balance: int
    about_zh: str = ""
    about_en: str = ""
    relation: str = ""
    reason: str = ""
    request: int | None = None
    order: int | None = None
    """Number of the work order of an alarm that was answered."""
    alert_id: uuid.UUID | None = None

    @property
    def alert(self) -> str:
        """The number of that alarm's alert, as desks call it; empty: the line is of none."""
        return "" if self.alert_id is None else str(self.alert_id)[:6]


def with_balances(lines: Iterable[Line], before: int = 0) -> list[Line]:
    """Lines in the order of the books, with the balance after each."""
    balance, done = before, []
    for line in lines:
        balance += line.minutes
        done.append(msgspec.structs.replace(line, balance=balance))
    return done
