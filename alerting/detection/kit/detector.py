"""What a detector is: one file under ``detectors``, its parameters as data, its state in one struct.

Detectors see time as the data tell it, never the clock of the machine, so that a replay gives the same alerts. A
detector overrides what it needs of :class:`Detector`; the engine finds it by its file alone.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.kit.columns import Bins, Latest, VitalColumns
from alerting.detection.kit.context import District, Happened, Person
from alerting.detection.kit.timers import Timers
from vocabulary.parameter import Parameter

Array = np.ndarray
"""An array in a detector's state: kept in snapshots with its type and shape."""


BRIEF_S = 3 * 86_400.0
"""What lasts longer than this was not told to be over."""


class Rule(msgspec.Struct, frozen=True):
    """How the alerts of a rule are kept quiet; see :mod:`alerting.detection.engine.ledger`.

    ``story``: alerts of one resident and story within minutes of each other are one alert that grows.
    ``again_s``: after this time a repetition is a new alert, before it is told in the old one; an emergency is always
    new. ``per_day``: at most so many alerts of a resident in 24 h. ``waits``: what comes in quiet hours is told in the
    morning. ``rests_for``: not raised while a carer is there ('carer') or the device is worked on ('maintenance').
    ``explained_by``: rules whose open alert in the same home is the reason for this one, which is then not raised;
    ``blinded_by``: the same, but only where that alert's ``evidence['device']`` is one of this one's
    ``evidence['sensors']``. ``explains_s``: for so long after its onset it explains others at most: an end
    that got lost silences nobody for good.
    """

    story: str = ""
    again_s: int = 900
    per_day: int = 12
    waits: bool = False
    rests_for: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    blinded_by: tuple[str, ...] = ()
    explains_s: float = float("inf")


class CompleteSteps(msgspec.Struct, frozen=True):
    """Bins of some steps within one hour, and what was known before them.

    A chapter is one step when live, a whole hour in a replay: detectors must judge each bin in the order of its
    series, and nothing may depend on where a chapter ends but within the same hour.
    """

    district: District
    latest: Latest
    bins: Bins
    hour: int
    """Hours since 1970, UTC."""
    implausible: VitalColumns
    """Readings that no body gives; they are in no bin. In no order, and some may have come before."""


class NoState(msgspec.Struct):
    """Nothing to remember."""


class Detector:
    """Times in µs since 1970, UTC. A finding's ``sensed_us`` is the moment that decided it, by the data."""

    version: ClassVar[int] = 1
    parameters: ClassVar[dict[str, Parameter]] = {}
    """By name, ``<detector>.<parameter>``."""
    constants: ClassVar[dict[str, float]] = {}
    """Numbers that count like parameters and nobody tunes; shown as evidence beside them."""
    rules: ClassVar[dict[str, Rule]] = {}
    """The rules whose findings this detector gives."""

    def __init__(self) -> None:
        self.state: Any = NoState()
        self.timers: Timers
        """Set by the engine: ``self.timers.set(at_us, key)`` brings :meth:`due`."""

    def learn(self, district: District) -> None:
        """The district as it is from now on; rows of people known before stay. Grow arrays, resolve parameters."""

    def look(self, steps: CompleteSteps) -> Iterable[Finding]:
        """Bins of measured channels."""
        return ()

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        """An event, or a 0/1 sensor's change."""
        return ()

    def due(self, district: District, key: str, at_us: int) -> Iterable[Finding]:
        """A timer that this detector set."""
        return ()

    def heard(self, district: District, gateway: str, device: str | None, now_us: int) -> Iterable[Finding]:
        """A sign of life from a device (or the gateway alone), by the clock of the platform."""
        return ()

    def offline(self, gateway: str, now_us: int) -> None:
        """The broker says that the gateway's connection is dead."""

    def clock(self, district: District, gateway: str, newest_us: int, now_us: int) -> Iterable[Finding]:
        """The newest time in a live frame of the gateway, and the platform's."""
        return ()

    def deaf(self) -> None:
        """The platform itself was cut off: what it did not hear since is nobody's silence."""

    def tick(self, district: District, now_us: int) -> Iterable[Finding]:
        """Once a second, by the clock of the platform."""
        return ()

    def restored(self) -> None:
        """The state was read from a snapshot: rebuild what is derived from it."""

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        """Parameters and constants of ``rule`` for this person (None: the defaults), for the evidence of an alert."""
        tuning = {} if person is None else person.tuning
        tuned = {name: tuning.get(name, parameter.default) for name, parameter in self.parameters.items()}
        return {**self.constants, **tuned}

    def tuned(self, district: District, name: str) -> NDArray[np.float32]:
        """One of this detector's parameters for every person, shape [people]."""
        return district.tuned(name, self.parameters[name].default)
