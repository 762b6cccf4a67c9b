"""Count the alerts of a recording with and without another value of a parameter. Pure.

The recording begins some days before the time of interest, so that personal baselines are known.
"""

from collections.abc import Callable, Collection, Mapping

import msgspec

from alerting.replay.alerts import Alert, collect, compare
from alerting.replay.recording import Recording
from alerting.replay.run import replay
from alerting.tuning import catalogue

MOST_SHOWN = 40


class Told(msgspec.Struct, frozen=True):
    """An alert that would have been told."""

    at_us: int
    rule: str
    severity: str
    reason_zh: str
    reason_en: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of some residents in the time of interest, before and with the value."""

    before: int
    then: int
    came: list[Told]
    gone: list[Told]
    changed: int
    """Told at another time, or with another severity."""
    days: float
    """Days of interest of which something is stored."""


class Work(msgspec.Struct, frozen=True):
    """A recording, the residents whose value is another, and that value."""

    recording: Recording
    residents: frozenset[int]
    values: Mapping[str, float]
    since_us: int


def count(work: Work, progress: Callable[[float], None] = lambda _: None) -> Counts:
    """Replay twice. ``progress``: called with the share that is done."""
    before = _told(work, work.recording, lambda share: progress(share / 2))
    then = _told(work, tuned(work.recording, work.residents, work.values), lambda share: progress(0.5 + share / 2))
    difference = compare(before, then)
    begin = max(work.since_us, work.recording.begin_us)
    return Counts(
        before=len(before), then=len(then), came=[_shown(one) for one in difference.came[:MOST_SHOWN]],
        gone=[_shown(one) for one in difference.gone[:MOST_SHOWN]], changed=len(difference.changed),
        days=max(0.0, (work.recording.end_us - begin) / 86_400e6),
    )  # fmt: skip


def tuned(recording: Recording, residents: Collection[int], values: Mapping[str, float]) -> Recording:
    """The recording with these values for these residents alone, and for the homes of several in which they live."""
    people = recording.district.people
    homes = {person.household_id for person in people if person.id in residents}
    changed = [
        catalogue.tuned(person, values)
        if person.id in residents or (person.id is None and person.household_id in homes)
        else person
        for person in people
    ]
    return msgspec.structs.replace(recording, district=msgspec.structs.replace(recording.district, people=changed))


def _told(work: Work, recording: Recording, progress: Callable[[float], None]) -> list[Alert]:
    homes = {person.household_id for person in recording.district.people if person.id in work.residents}
    return [
        alert
        for alert in collect(replay(recording, progress))
        if alert.told_us >= work.since_us
        and (alert.resident_id in work.residents or (alert.resident_id is None and alert.household_id in homes))
    ]


def _shown(alert: Alert) -> Told:
    return Told(alert.told_us, alert.rule, alert.severity, alert.reason_zh, alert.reason_en)
