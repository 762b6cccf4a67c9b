"""Judge the NEWS2 alerts of a recording by the plain score of every moment.

The engine is taken as it is; from it come only the numbers that the standard leaves open: how long a value counts
(``news2.fresh_s.…``), which values no body gives, and its steps of time. A person *reaches* 5, 7, or 3 in one parameter
at the first reading that makes it so. That is *told* by a NEWS2 finding of the severity it asks for (RCP 2017, table 2:
urgent at 5 and at 3 in one parameter, emergency at 7) which came in the same run of triggered scores.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import numpy as np

from alerting.core.finding import Finding
from alerting.detection.engine.engine import LATENESS_US
from alerting.detection.kit import news2_score
from alerting.detection.kit.columns import STEP_US
from alerting.detection.kit.context import COLUMN, District, Person
from alerting.detection.kit.plausible import PLAUSIBLE
from alerting.replay.recording import Recording
from alerting.replay.run import TimedFinding
from shouwang.evaluation import news2_standard as standard
from vocabulary.severity import RANK, Severity
from vocabulary.times import SECOND_US

KIND = "news2"
AT_ONCE_US = STEP_US + LATENESS_US
"""An alert is told at the reading when it comes as soon as the engine has judged the reading's step."""
ASKED: dict[str, Severity] = {"3 in one": "urgent", "5": "urgent", "7": "emergency"}
"""The severity that each threshold asks for."""


class Reading(msgspec.Struct, frozen=True):
    """A value of a person at the beginning of its step, µs since 1970, UTC."""

    time_us: int
    channel: str
    value: float


class Moment(msgspec.Struct, frozen=True):
    """The plain score after the readings of one step."""

    time_us: int
    score: standard.Score


class Statement(msgspec.Struct, frozen=True):
    """The words of a NEWS2 finding, and when it was told; ``ends``: that the score is low again."""

    told_us: int
    severity: Severity
    ends: bool
    finding: Finding


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The first moment at which a person reached a threshold, and what was told of it.

    ``delay_s``: from the reading to the alert, 0 where it had been told before; None: never told. ``said``: the first
    statement at or after the moment, '' without one.
    """

    threshold: str
    person: str
    time_us: int
    score: standard.Score
    delay_s: float | None
    said: str

    @property
    def at_the_reading(self) -> bool:
        return self.delay_s is not None and self.delay_s * SECOND_US <= AT_ONCE_US


class Difference(msgspec.Struct, frozen=True):
    """A statement that is not what the plain score says."""

    person: str
    time_us: int
    what: str


class Judged(msgspec.Struct, kw_only=True):
    """The figures of a recording."""

    people: int = 0
    readings: int = 0
    impossible: int = 0
    moments: int = 0
    complete: int = 0
    values: int = 0
    values_differ: int = 0
    statements: int = 0
    statements_differ: int = 0
    differences: list[Difference] = []
    reached: list[Reach] = []


def judge(recording: Recording, findings: Iterable[TimedFinding], fresh_us: Mapping[str, int]) -> Judged:
    """Compare the findings of a replay with the plain score. ``fresh_us``: by channel, how long a value counts."""
    readings, impossible = readings_of(recording)
    said = _statements(findings)
    judged = Judged(
        people=len(readings), readings=sum(len(found) for found in readings.values()), impossible=impossible
    )
    judged.values, judged.values_differ = _points_differ(recording)
    for row, own in sorted(readings.items()):
        person = recording.district.people[row]
        moments = list(walk(own, person, fresh_us))
        judged.moments += len(moments)
        judged.complete += sum(moment.score.complete for moment in moments)
        judged.reached += _reached(person, moments, said[person.subject])
        for statement in said[person.subject]:
            found = _differences(statement, own, person, fresh_us)
            judged.statements += 1
            judged.statements_differ += bool(found)
            judged.differences += found
    return judged


def readings_of(recording: Recording) -> tuple[dict[int, list[Reading]], int]:
    """The scored readings of each row of people by time, and the number of those that no body gives."""
    vitals = recording.vitals
    scored = {COLUMN[channel]: channel for channel in (*standard.PARAMETERS, standard.OXYGEN)}
    chosen = np.flatnonzero(np.isin(vitals.column, list(scored)))
    found: dict[int, list[Reading]] = defaultdict(list)
    impossible = 0
    for i in chosen[np.argsort(vitals.time_us[chosen], kind="stable")].tolist():
        channel, value = scored[int(vitals.column[i])], float(vitals.value[i])
        low, high = PLAUSIBLE.get(channel, (-np.inf, np.inf))
        if low <= value <= high:
            found[int(vitals.row[i])].append(Reading(int(vitals.time_us[i]) // STEP_US * STEP_US, channel, value))
        else:
            impossible += 1
    return dict(found), impossible


def walk(readings: Iterable[Reading], person: Person, fresh_us: Mapping[str, int]) -> Iterator[Moment]:
    """The plain score of a person after each step with a reading. ``readings``: sorted by time."""
    newest: dict[str, tuple[int, float]] = {}
    now_us: int | None = None
    for reading in readings:
        if now_us is not None and reading.time_us != now_us:
            yield Moment(now_us, _score(newest, now_us, person, fresh_us))
        now_us = reading.time_us
        newest[reading.channel] = reading.time_us, reading.value
    if now_us is not None:
        yield Moment(now_us, _score(newest, now_us, person, fresh_us))


def _score(
    newest: Mapping[str, tuple[int, float]], at_us: int, person: Person, fresh_us: Mapping[str, int]
) -> standard.Score:
    """Oxygen that was measured, as long as that counts, goes before the resident's record."""
    oxygen = person.on_oxygen
    if standard.OXYGEN in newest and standard.OXYGEN in fresh_us:
        time_us, value = newest[standard.OXYGEN]
        if at_us - time_us <= fresh_us[standard.OXYGEN]:
            oxygen = value >= 0.5
    return standard.score(newest, at_us, fresh_us, person.spo2_scale, oxygen)


def _statements(findings: Iterable[TimedFinding]) -> dict[str, list[Statement]]:
    """The NEWS2 findings that say a score, by subject; one within another alert's story counts with its own words."""
    said: dict[str, list[Statement]] = defaultdict(list)
    for timed in findings:
        finding = timed.finding
        part = finding.evidence.get("part", {"action": finding.action, "severity": finding.severity})
        if finding.evidence.get("kind") == KIND and "parts" in finding.evidence:
            ends = part["action"] not in ("open", "update")
            said[finding.subject].append(Statement(timed.told_us, part["severity"], ends, finding))
    return said


def _reached(person: Person, moments: list[Moment], said: list[Statement]) -> Iterator[Reach]:
    waiting = dict.fromkeys(ASKED)
    since_us = 0
    for before, moment in zip([None, *moments], moments, strict=False):
        if before is None or _triggers(before.score) == ():
            since_us = moment.time_us
        for threshold in _triggers(moment.score):
            if threshold in waiting:
                del waiting[threshold]
                yield _reach(threshold, person, moment, since_us, said)


def _triggers(score: standard.Score) -> tuple[str, ...]:
    met = {"3 in one": score.highest >= 3, "5": score.total >= 5, "7": score.total >= 7}
    return tuple(threshold for threshold, is_met in met.items() if is_met)


def _reach(threshold: str, person: Person, moment: Moment, since_us: int, said: list[Statement]) -> Reach:
    grave = [
        s for s in said if not s.ends and RANK[s.severity] <= RANK[ASKED[threshold]] and s.finding.sensed_us > since_us
    ]
    delays = [max(0.0, (s.told_us - moment.time_us) / SECOND_US) for s in grave]
    after = next((s.finding.reason_en for s in said if s.finding.sensed_us > moment.time_us), "")
    return Reach(
        threshold=threshold,
        person=person.code,
        time_us=moment.time_us,
        score=moment.score,
        delay_s=min(delays, default=None),
        said=after,
    )


def _differences(
    statement: Statement, readings: list[Reading], person: Person, fresh_us: Mapping[str, int]
) -> list[Difference]:
    """Compare each word of a statement with the plain score of the step that decided it."""
    finding = statement.finding
    at_us = finding.sensed_us - STEP_US
    newest = {r.channel: (r.time_us, r.value) for r in readings if r.time_us <= at_us}
    right = _score(newest, at_us, person, fresh_us)
    evidence = finding.evidence
    found = [
        f"{name} {evidence.get(name)!r}, not {value!r}"
        for name, value in (
            ("total", right.total),
            ("highest_single", right.highest),
            ("level", right.level),
            ("complete", right.complete),
        )
        if evidence.get(name) != value
    ]
    stated = {part["channel"]: part for part in evidence["parts"]}
    for part in right.parts:
        said = stated.pop(part.channel, {})
        mine = (part.state, None if part.value is None else round(part.value, 1), part.points)
        theirs = (said.get("state"), said.get("value"), said.get("points", 0))
        if mine != theirs:
            found.append(f"{part.channel} {_words(theirs)}, not {_words(mine)}")
    found += [f"{channel} is not part of it" for channel, said in stated.items() if said.get("state") != "missing"]
    return [Difference(person.code, at_us, what) for what in found]


def _words(part: tuple[str | None, float | None, int]) -> str:
    state, value, points = part
    return f"{state or 'left out'}" + ("" if value is None else f" {value:g} ({points})")


def _points_differ(recording: Recording) -> tuple[int, int]:
    """(number of scored values, number of those to which the detector's table gives other points)."""
    vitals, district = recording.vitals, recording.district
    scale, oxygen = _records(district)
    values = differ = 0
    for channel in standard.PARAMETERS:
        at = np.flatnonzero(vitals.column == COLUMN[channel])
        rows, value = vitals.row[at], vitals.value[at]
        table = news2_score.points(channel, value, scale[rows], oxygen[rows]).tolist()
        plain = [
            standard.points(channel, v, int(scale[row]), bool(oxygen[row]))
            for v, row in zip(value.tolist(), rows.tolist(), strict=True)
        ]
        values += len(plain)
        differ += sum(a != b for a, b in zip(table, plain, strict=True))
    return values, differ


def _records(district: District) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([person.spo2_scale for person in district.people], np.int8),
        np.array([person.on_oxygen for person in district.people], np.bool_),
    )
