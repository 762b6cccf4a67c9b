"""Compares one figure a day with the person's own usual: a sudden day, a shift of three days, a drift of seven.

``centre`` follows the days with the step 1/21 of an error that is clipped to three spreads (bounded influence: P. J.
Huber, 1964), ``origin`` with 1/45: slow change is allowed, and reported when seven days lie away from the weeks before.
A mean of n days spreads by 1/√n of a day's; a change of three of those is reported, if it is large enough to matter.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from alerting.detection.kit.columns import grown
from alerting.detection.kit.detector import Array

MEMORY_DAYS, ORIGIN_LEARNED, ORIGIN_DAYS = 21, 7, 45
SPANS: dict[str, int] = {"sudden": 1, "shift": 3, "drift": 7}
"""Days that are compared with the usual, for each question."""
NEEDED: dict[str, int] = {"sudden": 6, "shift": 6, "drift": 14}
"""Days that must be known first."""
Question = Literal["sudden", "shift", "drift"]
SPAN_WORDS: dict[str, tuple[str, str]] = {"sudden": ("", ""), "shift": ("平均", "mean"), "drift": ("中位", "median")}
"""The statistic of the days, zh and en."""
_KEPT = max(SPANS.values())


class Matters(NamedTuple):
    """The least change that matters, up and down, of one question; infinite: that side never does."""

    up: float
    down: float


class Change(NamedTuple):
    """A change began (``opened``) or ended. ``recent``: the mean of its days, of a drift the median."""

    question: Question
    opened: bool
    recent: float
    usual: float
    spread: float
    onset_us: int


class Days(msgspec.Struct):
    """Shapes [people, figures, …]; ``told_us``: the onset of the open change, by question, 0: none."""

    recent: Array
    known: Array
    centre: Array
    origin: Array
    spread: Array
    told_us: Array

    @classmethod
    def of(cls, figures: int) -> "Days":
        def zeros(*shape: int, dtype: type = np.float32) -> Any:
            return np.zeros((0, figures, *shape), dtype)

        told_us = zeros(len(SPANS), dtype=np.int64)
        return cls(zeros(_KEPT), zeros(dtype=np.uint16), zeros(), zeros(), zeros(), told_us)

    def grow(self, people: int) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, grown(getattr(self, name), people))

    def add(
        self, row: int, figure: int, value: float, at_us: int, floor: float, matters: dict[Question, Matters]
    ) -> Iterator[Change]:
        """Judge and learn a day that ended at ``at_us``. ``floor``: least spread, for very regular people."""
        key = row, figure
        self.recent[row, figure, :-1] = self.recent[row, figure, 1:]
        self.recent[row, figure, -1] = value
        known, spread = int(self.known[key]), max(float(self.spread[key]), floor)
        for number, question in enumerate(SPANS):
            if question in matters:
                yield from self._asked(key, number, question, matters[question], at_us)
        error = value - float(self.centre[key]) if known else 0.0
        reach = 3 * spread
        clipped = float(np.clip(error, -reach, reach))
        rate = max(1 / (known + 1), 1 / MEMORY_DAYS)
        slow = 1 / (known + 1) if known < ORIGIN_LEARNED else 1 / ORIGIN_DAYS
        self.centre[key] = self.centre[key] + rate * clipped if known else value
        self.origin[key] = (
            self.origin[key] + slow * np.clip(value - self.origin[key], -reach, reach) if known else value
        )
        self.spread[key] += rate * (min(abs(error), reach) - float(self.spread[key]))
        self.known[key] = min(known + 1, 60_000)

    def _asked(
        self, key: tuple[int, int], number: int, question: Question, matters: Matters, at_us: int
    ) -> Iterator[Change]:
        span = SPANS[question]
        if self.known[key] < NEEDED[question]:
            return
        usual = float((self.origin if question == "drift" else self.centre)[key])
        days, spread = self.recent[key][-span:], float(self.spread[key])
        # the median of a week: one very bad day is no drift
        recent = float(np.median(days) if question == "drift" else days.mean())
        off = recent - usual
        least = max(matters.up if off > 0 else matters.down, 3 * 1.25 * spread / span**0.5)
        told_us = int(self.told_us[(*key, number)])
        if abs(off) >= least and not told_us:
            self.told_us[(*key, number)] = at_us
            yield Change(question, True, recent, usual, spread, at_us)
        elif told_us and abs(off) < min(least, max(matters.up, matters.down)) / 2:
            self.told_us[(*key, number)] = 0
            yield Change(question, False, recent, usual, spread, told_us)
