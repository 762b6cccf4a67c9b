"""The course of a ladder on a past alert, and figures of many. Pure: the ladder's own rules, with the record's clock.

Acts of people are taken as they happened; a lapse for want of progress follows from the policy and is simulated.
Each alert is followed for HORIZON and MOST_ROUNDS at most.
"""

import datetime as dt
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from care_network.ability.standing import Standing
from dispatch.escalation.dry_run.past import Call, PastAlert, Reach
from dispatch.ladders.by_grade import choose_for
from dispatch.ladders.policy import Policy, begin, holds, next_move, patience
from vocabulary.times import HOUR_US, LOCAL_US, SHANGHAI

HORIZON = dt.timedelta(hours=12)
MOST_ROUNDS = 40
PEOPLE = frozenset({"staff", "contact"})
"""Kinds of recipients that are persons."""
LOCAL_H = LOCAL_US // HOUR_US
NIGHT = (22, 7)
"""From this hour to that one by the clock of Shanghai."""


class Course(msgspec.Struct, frozen=True):
    """Whom a policy would have called about one alert."""

    policy: str
    calls: tuple[Call, ...]
    nobody: bool
    """Whether steps were due and none of them reached a person, on duty or of the family."""
    cut: bool
    """Whether it went on beyond HORIZON or MOST_ROUNDS."""
    lapses: int = 0

    @property
    def count(self) -> int:
        """How many are told, as often as they are."""
        return sum(len(call.told) for call in self.calls)

    @property
    def first_at(self) -> dt.datetime | None:
        return self.calls[0].at if self.calls else None


def follow(policy: Policy, alert: PastAlert, reach: Reach, until: dt.datetime) -> Course:
    """Climb a policy's ladder on an alert until it ends, or ``until``."""
    limit = min(until, alert.since + HORIZON)
    move, round, state = begin(policy), 0, alert.state
    step, lapses, tried, cut = move.step, 0, False, False
    calls: list[Call] = []
    due = _later(alert.since, move.delay_s)
    if holds(policy, state):
        due = _later(alert.since, patience(policy, state))
    happenings = iter(alert.happenings)
    coming = next(happenings, None)
    while True:
        if coming is not None and (due is None or coming.at <= due):
            if coming.ends or coming.at > limit:
                break
            state = coming.state
            if holds(policy, state):
                due = _later(coming.at, patience(policy, state))
            coming = next(happenings, None)
            continue
        if due is None:
            break
        if due > limit or round >= MOST_ROUNDS:
            cut = due <= until
            break
        if holds(policy, state):
            state, step, round, lapses = "raised", 0, round + 1, lapses + 1
            continue
        tried = True
        while not (told := reach.of(policy, step, alert, due)) and step + 1 < len(policy.steps):
            step += 1
        if told:
            calls.append(Call(due, step + 1, round, told))
        move = next_move(policy, step, round)
        step, round, due = move.step, move.round, _later(due, move.delay_s)
    nobody = tried and not any(_people(call) for call in calls)
    return Course(policy.code, tuple(calls), nobody, cut, lapses)


class Compared(msgspec.Struct, frozen=True):
    """One alert under the policies in force, and under the new ones."""

    alert: PastAlert
    old: Course
    new: Course

    @property
    def changed(self) -> bool:
        """Whether somebody would be called who was not, or at another time."""
        old, new = self.old.calls, self.new.calls
        return len(old) != len(new) or any(
            (one.at, one.told) != (other.at, other.told) for one, other in zip(old, new, strict=True)
        )


def compare(
    alerts: Iterable[PastAlert],
    policies: Sequence[Policy],
    draft: Policy,
    reach: Reach,
    until: dt.datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Compared]:
    """Follow each alert under ``policies``, and with ``draft`` in place of the one of its code. Alerts that neither of
    them concerns are left out."""
    then = [policy for policy in policies if policy.code != draft.code] + [draft]
    found = []
    for number, alert in enumerate(alerts):
        near = [post.code for post in reach.near(alert.place)]
        found_old = choose_for(policies, alert.severity, near, alert.since, alert.standings)
        found_new = choose_for(then, alert.severity, near, alert.since, as_if(alert.standings, draft, until))
        if found_old is None or found_new is None:
            continue
        old, new = found_old.policy, found_new.policy
        if draft.code not in (old.code, new.code):
            continue
        found.append(Compared(alert, follow(old, alert, reach, until), follow(new, alert, reach, until)))
        progress(number)
    return found


def as_if(standings: Sequence[Standing], draft: Policy, at: dt.datetime) -> list[Standing]:
    """The standings as if the draft's ladder were approved for everybody who has one of its grades on record and no
    approved one: else nothing could be tried before the first approval."""
    day = at.astimezone(SHANGHAI).date()
    return [
        msgspec.structs.replace(one, grade=one.recorded, until=day, act="approved")
        if one.grade is None and one.recorded in draft.grades
        else one
        for one in standings
    ]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one side. Times in seconds; None: of nobody."""

    calls: int
    at_night: int
    """Calls of people, on duty or of the family, between 22:00 and 7:00."""
    people_at_night: int
    """Different people among them."""
    family: int
    outside: int
    """Calls of services outside the network, as 120."""
    first_median_s: float | None
    first_p90_s: float | None
    nobody: int
    """Alerts whose ladder reached no person."""
    lapses: int
    cut: int


def figures(courses: Sequence[tuple[PastAlert, Course]]) -> Figures:
    """Sum courses up."""
    night = [call for _, course in courses for call in course.calls if is_night(call)]
    firsts = [
        (course.first_at - alert.since).total_seconds() for alert, course in courses if course.first_at is not None
    ]
    return Figures(
        calls=sum(course.count for _, course in courses),
        at_night=sum(map(_people, night)),
        people_at_night=len({one for call in night for one in call.told if one[0] in PEOPLE}),
        family=sum(_of_kind(call, "contact") for _, course in courses for call in course.calls),
        outside=sum(_of_kind(call, "service") for _, course in courses for call in course.calls),
        first_median_s=percentile(firsts, 50),
        first_p90_s=percentile(firsts, 90),
        nobody=sum(course.nobody for _, course in courses),
        lapses=sum(course.lapses for _, course in courses),
        cut=sum(course.cut for _, course in courses),
    )


def recorded(alert: PastAlert) -> Course:
    """The record of an alert as a course."""
    nobody = bool(alert.calls) and not any(map(_people, alert.calls))
    return Course("", alert.calls, nobody, cut=False)


def is_night(call: Call) -> bool:
    """Whether people are called in the night."""
    hour = (call.at.hour + LOCAL_H) % 24
    return (hour >= NIGHT[0] or hour < NIGHT[1]) and _people(call) > 0


def _people(call: Call) -> int:
    return sum(kind in PEOPLE for kind, _ in call.told)


def _of_kind(call: Call, kind: str) -> int:
    return sum(one[0] == kind for one in call.told)


def percentile(values: Sequence[float], share: int) -> float | None:
    """The value below which ``share`` % lie; None of none."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


KINDS: Mapping[str, Callable[[Compared], bool]] = {
    "all": lambda _: True,
    "changed": lambda one: one.changed,
    "more": lambda one: one.new.count > one.old.count,
    "fewer": lambda one: one.new.count < one.old.count,
    "later": lambda one: _first(one.new, one.alert) > _first(one.old, one.alert),
    "sooner": lambda one: _first(one.new, one.alert) < _first(one.old, one.alert),
    "night": lambda one: any(map(is_night, one.new.calls)),
    "night_old": lambda one: any(map(is_night, one.old.calls)),
    "nobody": lambda one: one.new.nobody,
    "nobody_old": lambda one: one.old.nobody,
    "family": lambda one: any(_of_kind(call, "contact") for call in one.new.calls),
    "family_old": lambda one: any(_of_kind(call, "contact") for call in one.old.calls),
    "outside": lambda one: any(_of_kind(call, "service") for call in one.new.calls),
    "outside_old": lambda one: any(_of_kind(call, "service") for call in one.old.calls),
    "lapsed": lambda one: one.new.lapses > 0,
    "lapsed_old": lambda one: one.old.lapses > 0,
    "called": lambda one: one.new.first_at is not None,
    "called_old": lambda one: one.old.first_at is not None,
    "untaken": lambda one: one.alert.taken_at is None,
    "intervened": lambda one: bool(one.alert.intervened),
}
"""Lists behind the figures."""


def _first(course: Course, alert: PastAlert) -> float:
    return float("inf") if course.first_at is None else (course.first_at - alert.since).total_seconds()


def _later(at: dt.datetime, seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else at + dt.timedelta(seconds=seconds)
