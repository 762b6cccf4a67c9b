"""Hold the additions of scenes to an ordinary month: to a life, a body, a home, its devices. Times: minutes."""

from typing import Any, Literal

import msgspec
from numpy.random import Generator

from device_simulators.month.body import Effect
from device_simulators.month.routine import BED, DAY, Life


class DeviceReport(msgspec.Struct, frozen=True):
    """An event of a device: the minute of its happening, and the delay (s) of the device's report."""

    minute: float
    device: str
    kind: str
    values: dict[str, Any] = {}
    after_s: float = 0.5


class Spot(msgspec.Struct, frozen=True):
    """A value measured by hand."""

    minute: float
    device: str
    channel: str
    value: float


class Fault(msgspec.Struct, frozen=True):
    """A change of a device's readings of some channels from ``begin`` to ``end`` that the body and the life know
    nothing of.

    ``mode``: ``times`` an amount; ``add`` it; ``set`` to it; ``hold`` the first value; ``lost``: no readings; ``stuck``
    (0/1 channels): nothing but this state, repeated each 50 min, as battery sensors do, and the right one at the end;
    ``repeat`` (0/1 channels): the state is published once more at ``begin``. ``share``: of the readings that are
    touched; ``spread``: standard deviation of a value that is set.
    """

    device: str
    channels: tuple[str, ...]
    begin: float
    end: float
    mode: Literal["times", "add", "set", "hold", "lost", "stuck", "repeat"]
    amount: float = 0.0
    share: float = 1.0
    spread: float = 0.0


class ClockError(msgspec.Struct, frozen=True):
    """Time from ``begin`` to ``end`` in which a device dates its readings wrongly by so many seconds."""

    device: str
    begin: float
    end: float
    offset_s: float


class Truth(msgspec.Struct, frozen=True):
    """A true episode, see :mod:`device_simulators.month.truth`. ``device``: the one at fault; ``spouse``: it is the
    spouse's."""

    kind: str
    begin: float
    end: float
    device: str = ""
    spouse: bool = False


class Script(msgspec.Struct, kw_only=True):
    """The additions of scenes to an ordinary month."""

    life: Life
    rate_s: float
    effects: list[Effect] = []
    reports: list[DeviceReport] = []
    room: list[tuple[float, float, float]] = []
    """(begin, end, Cel)."""
    unplugged: list[tuple[str, float, float]] = []
    unseen: list[tuple[float, float]] = []
    """Times in which the radar measures nothing of a person in bed."""
    stuck: list[tuple[float, float]] = []
    """Times in which the radar repeats one value."""
    kilograms: list[tuple[int, int, float]] = []
    """(first day, days, kg a day)."""
    pressures: list[tuple[float, float, float]] = []
    """(minute, systolic, diastolic)."""
    spots: list[Spot] = []
    faults: list[Fault] = []
    clocks: list[ClockError] = []
    passages: list[tuple[float, float]] = []
    """(opened, closed): the front door, though nobody leaves or comes."""
    truth: list[Truth] = []

    def true(self, kind: str, begin: float, end: float, device: str = "", *, spouse: bool = False) -> None:
        self.truth.append(Truth(kind, begin, end, device, spouse))

    def near_truth(self, begin: float, end: float, margin: float) -> bool:
        """Whether a true episode is nearer than so many minutes."""
        return any(begin <= true.end + margin and end >= true.begin - margin for true in self.truth)

    def moment(self, day: int, begin: float, end: float, place: int, rng: Generator) -> int:
        """A minute between these of the day at which the person is there, alone, with ten more minutes to stay; the
        person is brought there where the day has none."""
        first, last = int(day * DAY + begin), int(day * DAY + end)
        there = (self.life.place == place) & ~self.life.visitor
        fits = [m for m in range(first, last) if there[m : m + 10].all()]
        if fits:
            return int(rng.choice(fits))
        at = int(rng.integers(first, last))
        self.life.stay(at - 5, at + 15, place)
        return at

    def night(self, day: int, rng: Generator) -> int:
        """A minute of deep night, in bed, from which on the person stays there for a while."""
        return self.moment(day, 40, 220, BED, rng)
