"""The base of every detector: one file under ``detectors``, parameters and rules as data, state in one struct.

Detectors take the time from the data, never from the clock of the machine, so that a replay gives the same alerts. A
detector overrides the methods of :class:`Detector` that it needs; the engine finds it by its file alone.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding
from alerting.detection.kit.columns import Array as Array
from alerting.detection.kit.columns import Bins, Latest, VitalColumns
from alerting.detection.kit.context import District, Happened, Person
from alerting.detection.kit.sources.choice import SharedBins
from alerting.detection.kit.sources.seats import SeatedDevices
from alerting.detection.kit.sources.window import Sensed
from alerting.detection.kit.timers import Timers
from vocabulary.parameter import Parameter
from vocabulary.rule_words import RuleWords
from vocabulary.times import DAY_S

BRIEF_S = 3.0 * DAY_S
"""A cause open longer than this is taken to have ended unreported."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's words, and how its alerts are suppressed or delayed; see :mod:`alerting.detection.engine.ledger`.

    The only place of a rule's words: its alerts carry them to the console and into messages.
    ``title``: in Chinese and English, a few words. ``outside``: the title in messages that pass through other hands
    (SMS) and tell nothing of a person's health; 'title' where the title itself does not, None: the severity has to do.
    ``service``: the code of the service at home that such an alert asks for (``care_network.catalogues.services``).

    ``story``: alerts of one resident and story within minutes of each other are one alert that grows.
    ``joins``: rules whose lasting alert of the same resident says the same; it is added to that for half a day.
    ``again_s``: a repetition within this time is added to the alert, a later one is a new alert; an emergency is always
    new. ``per_day``: most alerts of a resident in 24 h. ``waits``: in quiet hours it waits for the morning.
    ``rests_for``: not raised while a carer is there ('carer') or the device is being repaired ('maintenance').
    ``explained_by``: rules whose open alert in the same home is the reason for this one, which is then not raised;
    ``blinded_by``: the same, but only where that alert's ``evidence['device']`` is one of this one's
    ``evidence['sensors']``. ``explains_s``: longest time after its onset in which it explains others, so that a lost
    end does not suppress them for good.
    """

    title: tuple[str, str] = ("", "")
    outside: tuple[str, str] | Literal["title"] | None = None
    service: str = ""
    story: str = ""
    joins: tuple[str, ...] = ()
    again_s: int = 900
    per_day: int = 12
    waits: bool = False
    rests_for: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    blinded_by: tuple[str, ...] = ()
    explains_s: float = float("inf")

    @property
    def words(self) -> RuleWords:
        """The words that its alerts carry."""
        outside = self.title if self.outside == "title" else self.outside or ("", "")
        zh, en = self.title
        return RuleWords(zh=zh, en=en, outside_zh=outside[0], outside_en=outside[1], service=self.service)


class SourceBins(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of every device, sorted by row, column, seat, step; shapes [n].

    ``counts``: those to be judged, each device by itself: no more trusted one speaks, and nothing is in doubt.
    ``waits``: those that would be, but seem doubled: they are remembered, in case that it is the heart after all.
    ``doubt``: why a bin is doubted (:mod:`alerting.detection.kit.sources.doubt`; 0: it is not). ``before``: (value,
    step) of the newest of each bin's device before these. ``sensed``: how it has spoken lately.
    """

    bins: Bins
    counts: np.ndarray
    waits: np.ndarray
    doubt: np.ndarray
    before: tuple[np.ndarray, np.ndarray]
    sensed: Sensed
    shared: SharedBins | None
    seated: SeatedDevices


class CompleteSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of one or more complete steps within one hour, and the newest bins before them.

    ``bins`` are those of the leading device of each channel, sorted by row, column, step; ``sources`` has all. One step
    when live, a whole hour in a replay: detectors must judge each bin in the order of its series, and nothing may
    depend on how the steps of an hour are divided.
    """

    district: District
    latest: Latest
    bins: Bins
    hour: int
    """Hours since 1970, UTC."""
    implausible: VitalColumns
    """Readings that no living body gives; they are in no bin. In no order, and some may be repetitions."""
    sources: SourceBins


class NoState(msgspec.Struct):
    """The state of a detector without memory."""


class Detector:
    """Judges bins, events and silence. Times in µs since 1970, UTC; a finding's ``sensed_us`` is the time, in the data,
    that decided it."""

    version: ClassVar[int] = 1
    parameters: ClassVar[dict[str, Parameter]] = {}
    """By name, ``<detector>.<parameter>``."""
    constants: ClassVar[dict[str, float]] = {}
    """Numbers that count like parameters and nobody tunes; shown as evidence beside them."""
    rules: ClassVar[dict[str, Rule]] = {}
    """The rules whose findings this detector gives."""
    kinds: ClassVar[frozenset[str] | None] = None
    """The kinds of events that :meth:`event` has to see; None: all."""

    def __init__(self) -> None:
        self.state: Any = NoState()
        self.timers: Timers
        """Set by the engine: ``self.timers.set(at_us, key)`` brings :meth:`due`."""

    def prepare(self, district: District) -> None:
        """Derive from a coming district (:meth:`District.derived`) what :meth:`learn` will need and takes long.

        Called in another thread while the detector is at work: the state must not be touched."""

    def learn(self, district: District) -> None:
        """Take the present district: grow arrays, resolve parameters. People keep their rows."""

    def look(self, steps: CompleteSteps) -> Iterable[Finding]:
        """Judge bins of measured channels."""
        return ()

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        """Judge an event, or a change of a 0/1 sensor."""
        return ()

    def due(self, district: District, key: str, at_us: int) -> Iterable[Finding]:
        """Act on a timer that this detector set."""
        return ()

    def heard(self, district: District, gateway: str, device: str | None, now_us: int) -> Iterable[Finding]:
        """Take a sign of life from a device (or the gateway alone), by the clock of the platform."""
        return ()

    def offline(self, gateway: str, now_us: int) -> None:
        """The broker reports the gateway's connection as dead."""

    def clock(self, district: District, gateway: str, newest_us: int, now_us: int) -> Iterable[Finding]:
        """Compare the newest time in a live frame of the gateway with the platform's."""
        return ()

    def cut_off(self) -> None:
        """Forget signs of life: the platform itself was cut off, which is no home's silence."""

    def tick(self, district: District, now_us: int) -> Iterable[Finding]:
        """Judge silence, once a second by the clock of the platform."""
        return ()

    def restored(self) -> None:
        """Rebuild the data that derive from a state read from a snapshot."""

    def in_force(self, person: Person | None, rule: str) -> dict[str, float]:
        """Parameters and constants of ``rule`` for this person (None: the defaults), for the evidence of an alert."""
        tuning = {} if person is None else person.tuning
        tuned = {name: tuning.get(name, parameter.default) for name, parameter in self.parameters.items()}
        return {**self.constants, **tuned}

    def tuned(self, district: District, name: str) -> NDArray[np.float32]:
        """One of this detector's parameters for every person, shape [people]."""
        return district.tuned(name, self.parameters[name].default)
