"""The book of a roster: people, shifts, entries, exceptions with their versions, and what they make of each day. Pure.

Days are those of Asia/Shanghai on which a shift starts. ``care_network.duty.roster`` says who is on duty at a moment;
this says which row of the roster put them there, so that it can be changed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from care_network.catalogues.workforce import CERTIFICATES, ROLES, Certificate, effective_skills
from care_network.duty.roster import Exceptional, Roster, Weekly
from vocabulary.times import SHANGHAI

DAY = dt.timedelta(days=1)
WEEK = 7 * DAY
Span = tuple[dt.datetime, dt.datetime]


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff as the roster needs them."""

    id: int
    code: str
    name_zh: str
    name_en: str
    role: str
    home: str
    """The code of their own organisation."""
    skills: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    reachable: bool = True

    def missing_for(self, role: str, on: dt.date) -> tuple[str, ...]:
        """The certificates of which one is needed for work in ``role`` and none is valid on that day; empty: none is
        missing."""
        needs = ROLES[role].needs if role in ROLES else frozenset()
        valid = {one.kind for one in self.certificates if one.valid(on)}
        return () if not needs or needs & valid else tuple(sorted(needs))

    def counting(self, on: dt.date) -> frozenset[str]:
        """The skills that count on that day."""
        return frozenset(effective_skills(self.skills, self.certificates, on)[0])

    def ending(self, last: dt.date) -> tuple[Certificate, ...]:
        """The certificates that are no longer valid after ``last``, or have ended already; the earliest first."""
        ended = [one for one in self.certificates if one.expires_on is not None and one.expires_on <= last]
        return tuple(sorted(ended, key=lambda one: (one.expires_on or last, one.kind)))


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Working hours of an organisation; an end not after the start lies on the next day."""

    organisation: str
    code: str
    name_zh: str
    name_en: str
    starts: dt.time
    ends: dt.time
    version: int = 0

    @property
    def overnight(self) -> bool:
        """Whether it ends on the day after."""
        return self.ends <= self.starts

    def span(self, day: dt.date) -> Span:
        """Its hours on a day, in UTC."""
        last = day + DAY if self.overnight else day
        return (
            dt.datetime.combine(day, self.starts, SHANGHAI).astimezone(dt.UTC),
            dt.datetime.combine(last, self.ends, SHANGHAI).astimezone(dt.UTC),
        )


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the roster; ``version`` 0: not stored."""

    staff: str
    organisation: str
    shift: str
    weekdays: tuple[int, ...]
    valid_from: dt.date
    valid_until: dt.date | None = None
    version: int = 0

    @property
    def key(self) -> tuple[str, str, str, dt.date]:
        """By which the row is named; it never changes."""
        return (self.staff, self.organisation, self.shift, self.valid_from)

    def on(self, day: dt.date) -> bool:
        """Whether the shift is worked on this day."""
        return (
            day.isoweekday() in self.weekdays
            and self.valid_from <= day
            and (self.valid_until is None or day <= self.valid_until)
        )


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """An exception: an absence (``organisation`` None), or an extra duty; ``version`` 0: not stored."""

    staff: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    organisation: str | None = None
    reason: str = ""
    version: int = 0

    @property
    def kind(self) -> str:
        return "absent" if self.organisation is None else "extra"

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.staff, self.kind, self.starts_at.isoformat())

    @property
    def span(self) -> Span:
        return (self.starts_at, self.ends_at)


class Turn(msgspec.Struct, frozen=True):
    """A shift that somebody works on one day, and the row by which they do."""

    entry: Entry
    day: dt.date
    span: Span

    @property
    def staff(self) -> str:
        return self.entry.staff


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of the people of one organisation, their work elsewhere included."""

    organisation: str
    workers: Mapping[str, Worker]
    shifts: Mapping[tuple[str, str], Shift]
    """By organisation and code."""
    entries: tuple[Entry, ...] = ()
    exceptions: tuple[Away, ...] = ()

    def own_shifts(self) -> list[Shift]:
        """The organisation's shifts, by their hours."""
        found = [shift for shift in self.shifts.values() if shift.organisation == self.organisation]
        return sorted(found, key=lambda shift: (shift.starts, shift.ends, shift.code))

    def turns(self, first: dt.date, last: dt.date, staff: str | None = None) -> list[Turn]:
        """The shifts worked from ``first`` to ``last``, by start and person; absences are not taken off."""
        found = [
            Turn(entry, day, shift.span(day))
            for entry in self.entries
            if staff is None or entry.staff == staff
            if (shift := self.shifts.get((entry.organisation, entry.shift))) is not None
            for day in days(first, last)
            if entry.on(day)
        ]
        return sorted(found, key=lambda turn: (turn.span, turn.staff, turn.entry.organisation, turn.entry.shift))

    def turn(self, staff: str, shift: str, day: dt.date) -> Turn | None:
        """The turn of somebody here on a day; None where there is none."""
        for turn in self.turns(day, day, staff):
            if turn.entry.organisation == self.organisation and turn.entry.shift == shift:
                return turn
        return None

    def absences(self, staff: str, span: Span) -> list[Away]:
        """The absences of somebody that touch a time."""
        return [one for one in self.exceptions
                if one.organisation is None and one.staff == staff and touch(one.span, span)]  # fmt: skip

    def busy(self, staff: str, span: Span) -> list[Turn | Away]:
        """The work of somebody, anywhere, in a time: turns and extra duties."""
        first, last = (edge.astimezone(SHANGHAI).date() for edge in span)
        turns = [turn for turn in self.turns(first - DAY, last, staff) if touch(turn.span, span)]
        extras = [one for one in self.exceptions
                  if one.organisation is not None and one.staff == staff and touch(one.span, span)]  # fmt: skip
        return [*turns, *extras]

    def roster(self, base: Roster) -> Roster:
        """``base`` with this book's rows in place of those of the same people."""
        ids = {worker.id: code for code, worker in self.workers.items()}
        posts = {post.code: post.id for post in base.posts.values()}
        number = {code: worker_id for worker_id, code in ids.items()}
        weekly = [
            Weekly(
                staff_id=number[entry.staff], organisation_id=posts[entry.organisation], shift=entry.shift,
                starts=shift.starts, ends=shift.ends, weekdays=entry.weekdays, valid_from=entry.valid_from,
                valid_until=entry.valid_until,
            )
            for entry in self.entries
            if entry.organisation in posts and entry.staff in number
            if (shift := self.shifts.get((entry.organisation, entry.shift))) is not None
        ]  # fmt: skip
        moved = [
            Exceptional(
                number[one.staff], None if one.organisation is None else posts[one.organisation], one.starts_at,
                one.ends_at, one.reason,
            )
            for one in self.exceptions
            if one.staff in number and (one.organisation is None or one.organisation in posts)
        ]  # fmt: skip
        return msgspec.structs.replace(
            base,
            weekly=(*(one for one in base.weekly if one.staff_id not in ids), *weekly),
            absences=(
                *(one for one in base.absences if one.staff_id not in ids),
                *(one for one in moved if one.organisation_id is None),
            ),
            extras=(
                *(one for one in base.extras if one.staff_id not in ids),
                *(one for one in moved if one.organisation_id is not None),
            ),
        )


def days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """The days from ``first`` to ``last``."""
    while first <= last:
        yield first
        first += DAY


def monday_of(day: dt.date) -> dt.date:
    """The Monday of a day's week."""
    return day - (day.isoweekday() - 1) * DAY


def touch(one: Span, other: Span) -> bool:
    """Whether two times have a moment in common."""
    return one[0] < other[1] and other[0] < one[1]


def midnight(day: dt.date) -> dt.datetime:
    """The beginning of a day in Shanghai, in UTC."""
    return dt.datetime.combine(day, dt.time(0), SHANGHAI).astimezone(dt.UTC)


def words_of_certificates(kinds: Iterable[str]) -> tuple[str, str]:
    """Certificates in Chinese and English: '护士执业证书或医师执业证书'."""
    terms = [CERTIFICATES[kind] for kind in kinds if kind in CERTIFICATES]
    return "或".join(term.zh for term in terms), " or ".join(term.en for term in terms)
