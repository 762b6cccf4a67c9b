"""A test: questions drawn by a seed, their options in an order of its own, and how answers are marked. Pure."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence

import msgspec

from care_services.library.courses.course import Course, Question

WINDOW = dt.timedelta(days=7)
"""The time within which tries are counted."""
LATE = dt.timedelta(minutes=2)
"""A test that is sent in time and arrives later still counts."""


class Drawn(msgspec.Struct, frozen=True):
    """A question of a test by its place in the course, with its options in the order of this test."""

    question: int
    options: list[int]


class Marked(msgspec.Struct, frozen=True):
    """The outcome: how many questions, how many right."""

    asked: int
    correct: int
    passed: bool

    @property
    def percent(self) -> int:
        """Right answers in per cent, rounded down: nobody passes by rounding."""
        return self.correct * 100 // self.asked


class Leave(msgspec.Struct, frozen=True):
    """Whether somebody may begin a test now, and when again where not."""

    left: int
    """Tries left."""
    again_at: dt.datetime | None = None


def draw(course: Course, seed: int) -> list[Drawn]:
    """Draw the questions of a test; the same seed gives the same test."""
    by = random.Random(seed)  # noqa: S311 - the order of questions, no secret
    chosen = by.sample(range(len(course.question)), course.draw)
    return [Drawn(place, by.sample(range(n := len(course.question[place].options)), n)) for place in chosen]


def is_right(question: Question, named: Sequence[int]) -> bool:
    """Whether all options that are right were named, and no other."""
    return set(named) == set(question.right)


def mark(course: Course, drawn: Sequence[Drawn], answers: Mapping[int, Sequence[int]]) -> Marked:
    """Mark a test. ``answers``: by the question's place in the course, the options by their own numbers."""
    correct = sum(is_right(course.question[one.question], answers.get(one.question, ())) for one in drawn)
    return Marked(len(drawn), correct, correct * 100 >= course.pass_percent * len(drawn))


def leave(course: Course, begun: Sequence[dt.datetime], now: dt.datetime) -> Leave:
    """Whether a further test may begin. ``begun``: the times of earlier tests that were not passed."""
    counted = sorted(at for at in begun if at > now - WINDOW)
    left = course.tries - len(counted)
    return Leave(left) if left > 0 else Leave(0, counted[-course.tries] + WINDOW)


def expires_on(course: Course, issued: dt.date) -> dt.date | None:
    """The last valid day of a certificate issued that day; None: it does not expire.

    Months are those of the calendar; of a month that has no such day, its last.
    """
    if not course.valid_months:
        return None
    months = issued.month - 1 + course.valid_months
    first = dt.date(issued.year + months // 12, months % 12 + 1, 1)
    last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return min(last, first + dt.timedelta(days=issued.day - 1)) - dt.timedelta(days=1)
