"""A week of a roster as a grid: who works when, who is away, how many are there by the hour, and holes. Pure."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from care_network.catalogues.workforce import Certificate
from care_network.duty.roster import Hole, Roster, describe, find_holes, stints
from care_network.rosters.book import DAY, WEEK, Away, Book, Shift, Span, Turn, Worker, days, midnight, touch
from care_network.rosters.plans import Plan, Words, after

HOUR = dt.timedelta(hours=1)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A turn in its cell."""

    turn: Turn
    shift: Shift
    away: str | None = None
    """The reason of an absence that takes it, or a part of it, away; None: they are there."""
    clash: bool = False
    """Whether it overlaps other work of the same person."""
    unqualified: tuple[str, ...] = ()
    """Certificates of which one is needed by the role and none is valid on that day."""


class Cell(msgspec.Struct, frozen=True):
    """The work of one person on one day; exceptions that touch the day."""

    day: dt.date
    marks: tuple[Mark, ...]
    absences: tuple[Away, ...]
    extras: tuple[Away, ...]


class Row(msgspec.Struct, frozen=True):
    """One person's week."""

    worker: Worker
    cells: tuple[Cell, ...]
    ending: tuple[Certificate, ...]
    """Certificates that end within the week, or have ended."""


class Strip(msgspec.Struct, frozen=True):
    """How many who can be reached are on duty here in each hour of a day: the fewest at any moment of it."""

    day: dt.date
    fewest: tuple[int, ...]


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """The grid of an organisation."""

    monday: dt.date
    rows: tuple[Row, ...]
    strips: tuple[Strip, ...]
    holes: tuple[Hole, ...]

    @property
    def days(self) -> list[dt.date]:
        return list(days(self.monday, self.monday + 6 * DAY))

    def holes_on(self, day: dt.date) -> list[Hole]:
        """The holes that touch a day."""
        return [
            hole for hole in self.holes if touch((hole.starts_at, hole.ends_at), (midnight(day), midnight(day + DAY)))
        ]


class Effect(msgspec.Struct, frozen=True):
    """Holes that a plan opens and closes, in words."""

    opened: tuple[Words, ...]
    closed: tuple[Words, ...]


def grid(book: Book, base: Roster, monday: dt.date) -> Week:
    """Lay a week out. ``base``: a roster that covers it. Raises ValueError where it does not."""
    roster = book.roster(base)
    since, until = midnight(monday), midnight(monday + WEEK)
    return Week(
        monday=monday,
        rows=tuple(
            _row(book, worker, monday)
            for worker in sorted(book.workers.values(), key=lambda one: (one.home != book.organisation, one.code))
        ),
        strips=tuple(_strip(book, roster, day) for day in days(monday, monday + 6 * DAY)),
        holes=tuple(find_holes(roster, since, until, [[book.organisation]])),
    )


def effect(book: Book, base: Roster, plan: Plan) -> Effect:
    """Say which holes of the organisation a plan opens and closes, on the days that it touches."""
    since, until = midnight(plan.first - DAY), midnight(plan.last + 2 * DAY)
    before = find_holes(book.roster(base), since, until, [[book.organisation]])
    then = find_holes(after(book, plan).roster(base), since, until, [[book.organisation]])
    return Effect(
        tuple(describe(hole) for hole in then if not _within(hole, before)),
        tuple(describe(hole) for hole in before if not any(_covers(other, hole) for other in then)),
    )


def _within(hole: Hole, others: Sequence[Hole]) -> bool:
    return any(other.starts_at <= hole.starts_at and hole.ends_at <= other.ends_at for other in others)


def _covers(other: Hole, hole: Hole) -> bool:
    return touch((other.starts_at, other.ends_at), (hole.starts_at, hole.ends_at))


def _row(book: Book, worker: Worker, monday: dt.date) -> Row:
    sunday = monday + 6 * DAY
    turns = book.turns(monday - DAY, sunday + DAY, worker.code)
    extras = [one for one in book.exceptions if one.staff == worker.code and one.organisation is not None]
    away = [one for one in book.exceptions if one.staff == worker.code and one.organisation is None]
    work: list[Span] = [turn.span for turn in turns] + [one.span for one in extras]
    cells = []
    for day in days(monday, sunday):
        whole = (midnight(day), midnight(day + DAY))
        marks = [
            Mark(
                turn=turn,
                shift=book.shifts[turn.entry.organisation, turn.entry.shift],
                away=next((one.reason for one in away if touch(one.span, turn.span)), None),
                clash=sum(touch(turn.span, span) for span in work) > 1,
                unqualified=worker.missing_for(worker.role, day),
            )
            for turn in turns
            if turn.day == day
        ]
        cells.append(
            Cell(
                day, tuple(marks), tuple(one for one in away if touch(one.span, whole)),
                tuple(one for one in extras if touch(one.span, whole)),
            )
        )  # fmt: skip
    return Row(worker, tuple(cells), worker.ending(sunday))


def _strip(book: Book, roster: Roster, day: dt.date) -> Strip:
    begin = midnight(day)
    here = [
        (stint.starts_at, stint.ends_at, stint.staff_id)
        for stint in stints(roster, begin, begin + DAY)
        if roster.posts[stint.organisation_id].code == book.organisation and roster.people[stint.staff_id].reachable
    ]
    fewest = []
    for hour in range(24):
        start, end = begin + hour * HOUR, begin + (hour + 1) * HOUR
        edges = {start, *(edge for stint in here for edge in stint[:2] if start < edge < end)}
        fewest.append(min(len({one[2] for one in here if one[0] <= at < one[1]}) for at in edges))
    return Strip(day, tuple(fewest))
