"""Simulate a resident's days, minute by minute: the place, sleep, movement.

Days vary, with naps, outings, visits to the bathroom by night, visitors, and for some an absence of days.
"""

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_simulators.month.people import Habits

BED, BEDROOM, BATHROOM, KITCHEN, LIVING, OUT = range(6)
ROOM_OF = {BED: "bedroom", BEDROOM: "bedroom", BATHROOM: "bathroom", KITCHEN: "kitchen", LIVING: "living_room"}
DAY = 1440


class Life(msgspec.Struct):
    """Shapes [minutes], from the first local midnight on."""

    place: NDArray[np.int8]
    still: NDArray[np.bool_]
    """Lies or sits without moving, though not in bed."""
    visitor: NDArray[np.bool_]
    effort: NDArray[np.float32]
    """0: rest … 1: as hard as at home gets; beside what the place implies."""
    wakes: list[int]
    """Minute of getting up, for each day."""
    away: NDArray[np.bool_]
    """Absent for days."""

    @property
    def in_bed(self) -> NDArray[np.bool_]:
        return np.asarray(self.place == BED)

    def stay(self, begin: int, end: int, place: int, *, still: bool = False) -> None:
        """Keep the person in a place."""
        self.place[begin:end], self.still[begin:end], self.effort[begin:end] = place, still, 0


def live(habits: Habits, days: int, rng: Generator, busy: set[int]) -> Life:
    """Simulate the life of ``days`` days; nobody goes away around the ``busy`` days, which have a planned episode."""
    minutes = days * DAY
    life = Life(
        np.full(minutes, BED, np.int8),
        np.zeros(minutes, np.bool_),
        np.zeros(minutes, np.bool_),
        np.zeros(minutes, np.float32),
        [],
        np.zeros(minutes, np.bool_),
    )
    for day in range(days):
        _one_day(life, habits, day, rng)
    free = [day for day in range(8, days - 5) if not any(day - 2 <= planned <= day + 7 for planned in busy)]
    if free and rng.random() < 0.15:
        first = int(rng.choice(free))
        begin = first * DAY + int(rng.uniform(560, 660))
        end = (first + int(rng.integers(2, 6))) * DAY + int(rng.uniform(840, 1080))
        life.place[begin:end], life.away[begin:end] = OUT, True
        life.visitor[begin:end] = False
    return life


def _one_day(life: Life, habits: Habits, day: int, rng: Generator) -> None:
    def about(minute: float, spread: float = habits.spread) -> int:
        return int(minute + rng.normal(0, spread))

    wake = max(240, about(habits.wake))
    lunch, dinner = about(685, 15), about(1050, 18)
    sleep = min(DAY - 5, about(habits.sleep))
    plan: list[tuple[int, int]] = [(0, BED), (wake, BATHROOM), (wake + int(rng.uniform(8, 20)), KITCHEN)]
    plan.append((wake + int(rng.uniform(45, 75)), LIVING))
    if rng.random() < habits.morning_out:
        leave = max(about(565, 20), wake + 80)
        plan += [(leave, OUT), (min(leave + int(rng.uniform(30, 95)), lunch - 5), LIVING)]
    plan += [(lunch, KITCHEN), (lunch + int(rng.uniform(35, 60)), LIVING)]
    if rng.random() < habits.nap:
        lie = about(785, 12)
        plan += [(lie, BED), (lie + int(rng.uniform(40, 100)), LIVING)]
    if rng.random() < habits.afternoon_out:
        leave = about(920, 20)
        plan += [(leave, OUT), (min(leave + int(rng.uniform(40, 100)), dinner - 5), LIVING)]
    elif rng.random() < 0.5:
        plan += [(about(925, 15), BEDROOM), (about(980, 12), LIVING)]
    plan += [(dinner, KITCHEN), (dinner + int(rng.uniform(40, 65)), LIVING)]
    wash = sleep - int(rng.uniform(30, 60))
    plan += [(wash, BATHROOM), (wash + int(rng.uniform(8, 18)), LIVING), (sleep, BED)]
    plan.sort()
    base = day * DAY
    for (begin, place), (end, _) in zip(plan, [*plan[1:], (DAY, BED)], strict=True):
        life.place[base + max(0, begin) : base + end] = place
    life.wakes.append(base + wake)
    _visits(life, base, wake, sleep, habits, rng)


def _visits(life: Life, base: int, wake: int, sleep: int, habits: Habits, rng: Generator) -> None:
    """Add short stays: the bathroom by day and night, a bout of housework, a visitor."""
    at = wake + 60
    while (at := at + int(rng.uniform(70, 190))) < sleep - 20:
        if life.place[base + at] in (LIVING, BEDROOM, KITCHEN):
            long = 3 + int(rng.exponential(3))
            life.place[base + at : base + at + min(long, 15)] = BATHROOM
        if rng.random() < 0.4 and life.place[base + at - 25] == LIVING:
            life.place[base + at - 25 : base + at - 25 + int(rng.uniform(3, 8))] = KITCHEN
    for _ in range(rng.poisson(habits.night_visits)):
        at = base + int(rng.uniform(sleep + 60 - DAY if sleep < DAY else 30, wake - 40)) % DAY
        if life.place[at] == BED:
            life.place[at : at + 4 + int(rng.exponential(2))] = BATHROOM
    for _ in range(rng.poisson(1.2)):
        at = base + int(rng.uniform(wake + 60, sleep - 90))
        hard = slice(at, at + int(rng.uniform(8, 25)))
        life.effort[hard] = np.where(life.place[hard] != BED, rng.uniform(0.3, 0.9), 0)
    if rng.random() < habits.visitor:
        at = base + int(rng.uniform(570, 1080))
        life.visitor[at : at + int(rng.uniform(45, 180))] = True
