"""The base of the detectors of behaviour: the whereabouts of each row's home.

A home's activity belongs to the row ``Source.home``: its only resident, or the household of several as a whole.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import msgspec

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import District, Happened, devices_at_home
from alerting.detection.kit.detector import Detector
from alerting.detection.kit.routine.daily import forget_since
from alerting.detection.kit.routine.whereabouts import KINDS, HomeState, Sign, Whereabouts, local_day
from alerting.detection.kit.words import finding_about
from vocabulary.severity import Severity


class Homes(msgspec.Struct):
    """State of a detector of behaviour: ``homes`` by row."""

    homes: dict[int, Whereabouts] = {}


class Before(NamedTuple):
    """A home just before an event; see :class:`Whereabouts`."""

    state: HomeState
    life_us: int
    room: str
    room_since_us: int
    inside_us: int
    door_us: int
    bed_us: int


class Heard(NamedTuple):
    """The meaning of an event for its home. ``was``: the home before it; ``hung_us``: since when a sensor hangs that
    this event showed to hang, 0: none."""

    row: int
    home: Whereabouts
    sign: Sign | None
    was: Before
    hung_us: int


class Hearing:
    """The homes of all detectors of behaviour of an engine: each event is understood once for all of them."""

    def __init__(self) -> None:
        self.homes: dict[int, Whereabouts] = {}
        self.happened: Happened | None = None
        """The last event since :meth:`turn`, and what it said."""
        self.known: Heard | None = None
        self._learned: District | None = None

    def shared_by(self, detectors: "Iterable[Behaviour]") -> None:
        """Make these detectors share the homes; one that knows none (it begins anew) learns them of the others."""
        sharing = [detector for detector in detectors if isinstance(detector.state, Homes)]
        self.homes = next((known for detector in sharing if (known := detector.state.homes)), {})
        for detector in sharing:
            detector.state.homes, detector.hearing = self.homes, self
        self._learned = None

    def learn(self, district: District) -> None:
        """Take a changed district, once for all who share the homes."""
        if district is not self._learned:
            learn(self.homes, self._learned, district)
            self._learned = district

    def turn(self) -> None:
        """Forget the last event: the next one is another, even if it is the same object."""
        self.happened = None

    def take(self, district: District, happened: Happened) -> Heard | None:
        """Understand an event."""
        self.known = hear(self.homes, district, happened)
        self.happened = happened
        return self.known


def hear(homes: dict[int, Whereabouts], district: District, happened: Happened) -> Heard | None:
    """Take an event into its home; None where it is of no home."""
    if happened.kind not in KINDS:
        return None
    # the registry as it is now: the event may have waited while a resident moved in
    source = district.sources.get((happened.source.gateway, happened.source.name))
    if source is None or source.home is None:
        return None
    row = source.home
    home = homes.get(row)
    if home is None:
        home = homes[row] = Whereabouts(several=district.people[row].id is None)
    was = Before(home.state, home.life_us, home.room, home.room_since_us, home.inside_us, home.door_us, home.bed_us)
    hung = len(home.stuck)
    sign = home.take(happened)
    return Heard(row, home, sign, was, min(home.stuck.values()) if len(home.stuck) > hung else 0)


def learn(homes: dict[int, Whereabouts], before: District | None, now: District) -> None:
    """Drop the homes and devices that are no more. ``before``: the district that was learned last, if any."""
    devices = now.derived(devices_at_home)
    known = {} if before is None else before.derived(devices_at_home)
    for row in [row for row in homes if row not in devices]:
        del homes[row]  # the home is empty, or a second resident moved in and it has another row
    for row, home in homes.items():
        if devices[row] != known.get(row):
            home.forget(devices[row])
        home.several = now.people[row].id is None


class Behaviour(Detector):
    """A detector over :class:`Whereabouts`; its state derives from :class:`Homes`."""

    state: Any
    kinds: ClassVar[frozenset[str] | None] = KINDS
    hearing: Hearing | None = None
    """That of its engine; None: it stands alone."""

    rings: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The rings of what is learned by day (:mod:`alerting.detection.kit.routine.daily`): their names in the state, and
    that of the newest day in each."""

    def prepare(self, district: District) -> None:
        district.derived(devices_at_home)

    def learn(self, district: District) -> None:
        if self.hearing is None:
            learn(self.state.homes, None, district)
        else:
            self.hearing.learn(district)

    def event(self, district: District, happened: Happened) -> Iterable[Finding]:
        hearing = self.hearing
        if hearing is None:
            heard = hear(self.state.homes, district, happened)
        elif happened is hearing.happened:
            heard = hearing.known
        else:
            heard = hearing.take(district, happened)
        if heard is None:
            return ()
        row, home, sign, was, hung_us = heard
        if hung_us:
            self.unlearn(row, hung_us, happened.time_us)
        return () if sign is None else self.sign(district, row, home, sign, was)

    def unlearn(self, row: int, since_us: int, now_us: int) -> None:
        """Forget what was learned since a sensor of the home hung."""
        for ring, newest in self.rings:
            forget_since(getattr(self.state, ring), getattr(self.state, newest), row, local_day(since_us))

    def sign(self, district: District, row: int, home: Whereabouts, sign: Sign, was: Before) -> Iterable[Finding]:
        """Judge a sign of a sensor: ``home`` as it is now, and as it ``was``."""
        return ()

    def row_finding(
        self,
        district: District,
        row: int,
        rule: str,
        action: FindingAction,
        severity: Severity,
        onset_us: int,
        sensed_us: int,
        words: tuple[str, str],
        evidence: dict[str, object],
    ) -> Finding:
        """Build a finding about the row's person or household."""
        home = self.state.homes.get(row)
        evidence = {"sensors": sorted(home.newest) if home else [], **evidence}
        person = district.people[row]
        return finding_about(person, rule, self.version, action, severity, onset_us, sensed_us, *words, evidence)
