"""Wishes of people about a roster, as the page and the command say it; each becomes a plan."""

import datetime as dt

import msgspec

from care_network.errors import NotFoundError, ProvisioningError
from care_network.rosters import plans
from care_network.rosters.book import DAY, WEEK, Away, Book, Turn, monday_of
from care_network.rosters.plans import MOST_WEEKS, Plan, Reach

MOST_DAYS = 366
"""Of an exception."""


class Add(msgspec.Struct, frozen=True, tag="add"):
    """A shift for somebody."""

    staff: str
    shift: str
    day: dt.date
    reach: Reach = "day"


class Remove(msgspec.Struct, frozen=True, tag="remove"):
    """A shift less for somebody."""

    staff: str
    shift: str
    day: dt.date
    reach: Reach = "day"


class Except(msgspec.Struct, frozen=True, tag="except"):
    """An absence, or with ``extra`` an extra duty."""

    staff: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    extra: bool = False
    reason: str = ""


class End(msgspec.Struct, frozen=True, tag="end"):
    """Take an exception back."""

    staff: str
    starts_at: dt.datetime
    extra: bool = False


class Copy(msgspec.Struct, frozen=True, tag="copy"):
    """The week of ``monday`` for the next weeks."""

    monday: dt.date
    weeks: int
    replace: bool = False


class Swap(msgspec.Struct, frozen=True, tag="swap"):
    """Two people exchange shifts."""

    staff: str
    shift: str
    day: dt.date
    other: str
    other_shift: str
    other_day: dt.date


Wanted = Add | Remove | Except | End | Copy | Swap


def days_of(wanted: Wanted) -> tuple[dt.date, dt.date]:
    """The days that the book has to cover. Raises ProvisioningError for a time that is too long."""
    match wanted:
        case Add() | Remove():
            return wanted.day, wanted.day + (DAY if wanted.reach == "day" else 4 * WEEK)
        case Except():
            first, last = wanted.starts_at.date(), wanted.ends_at.date()
            if last > first + MOST_DAYS * DAY:
                raise ProvisioningError(
                    en=f"at most {MOST_DAYS} days; divide it", zh=f"最长 {MOST_DAYS} 天，请分段填写", field="ends_at"
                )
            return first - DAY, max(first, min(last, first + 40 * DAY)) + DAY
        case End():
            return wanted.starts_at.date() - DAY, wanted.starts_at.date() + 40 * DAY
        case Copy():
            if not 1 <= wanted.weeks <= MOST_WEEKS:
                raise ProvisioningError(en=f"1 to {MOST_WEEKS} weeks", zh=f"请填写 1 至 {MOST_WEEKS} 周", field="weeks")
            return monday_of(wanted.monday), monday_of(wanted.monday) + (wanted.weeks + 1) * WEEK
        case Swap():
            return min(wanted.day, wanted.other_day), max(wanted.day, wanted.other_day) + DAY


def whose(wanted: Wanted) -> list[str]:
    """Codes of the people that it names."""
    match wanted:
        case Copy():
            return []
        case Swap():
            return [wanted.staff, wanted.other]
        case _:
            return [wanted.staff]


def plan_of(book: Book, wanted: Wanted) -> Plan:
    """Make the plan. Raises NotFoundError for a person, a shift or a turn that is not there."""
    for code in whose(wanted):
        if code not in book.workers:
            raise NotFoundError(en=f"there is no {code!r} on duty here", zh=f"此机构没有工作人员 {code}", field="staff")
    match wanted:
        case Add():
            if (book.organisation, wanted.shift) not in book.shifts:
                raise NotFoundError(en=f"there is no shift {wanted.shift!r}", zh="请选择班次", field="shift")
            return plans.add(book, wanted.staff, wanted.shift, wanted.day, wanted.reach)
        case Remove():
            return plans.remove(book, _turn(book, wanted.staff, wanted.shift, wanted.day), wanted.reach)
        case Except():
            place = book.organisation if wanted.extra else None
            return plans.exception(
                book,
                Away(
                    staff=wanted.staff, starts_at=wanted.starts_at.astimezone(dt.UTC),
                    ends_at=wanted.ends_at.astimezone(dt.UTC), organisation=place, reason=wanted.reason,
                ),
            )  # fmt: skip
        case End():
            for one in book.exceptions:
                if (one.staff, one.starts_at, one.organisation is not None) == (
                    wanted.staff, wanted.starts_at, wanted.extra,
                ):  # fmt: skip
                    return plans.end_exception(book, one)
            raise NotFoundError(en="it is not there any more", zh="该记录已不存在", field="staff")
        case Copy():
            return plans.copy_week(book, monday_of(wanted.monday), wanted.weeks, replace=wanted.replace)
        case Swap():
            return plans.swap(
                book,
                _turn(book, wanted.staff, wanted.shift, wanted.day),
                _turn(book, wanted.other, wanted.other_shift, wanted.other_day),
            )


def _turn(book: Book, staff: str, shift: str, day: dt.date) -> Turn:
    turn = book.turn(staff, shift, day)
    if turn is None:
        raise NotFoundError(
            en=f"{book.workers[staff].name_en} has no such shift on {day}; look at the week again",
            zh=f"{book.workers[staff].name_zh} 在 {day} 没有该班次，请重新查看排班",
            field="day",
        )
    return turn
