"""Past alerts as a dry run sees them, and whom a step of a ladder reached at a moment. Pure."""

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from care_network.ability.standing import Standing
from care_network.catalogues.workforce import ROLES
from care_network.duty.roster import Person, Post, Roster, serving, stints
from care_network.records.contacts import FamilyMember
from dispatch.ladders.policy import (
    FamilyTarget,
    OnDutyTarget,
    OrganisationTarget,
    Policy,
    ServiceTarget,
    StepTarget,
)
from vocabulary.alert_state import AlertState
from vocabulary.times import SHANGHAI

Told = tuple[str, str]
"""Kind and key of a recipient, as in ``dispatch.channels.notifications.Recipient``."""
_DAY = dt.timedelta(days=1)


class Happening(msgspec.Struct, frozen=True):
    """An act of a person, or the end. ``state``: the state since then; ``ends``: the ladder has nothing more to do."""

    at: dt.datetime
    state: AlertState
    ends: bool = False


class Call(msgspec.Struct, frozen=True, gc=False):
    """A step that is done: all whom it tells. Steps count from 1, rounds from 0."""

    at: dt.datetime
    step: int
    round: int
    told: tuple[Told, ...]


class PastAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it really went."""

    id: str
    severity: str
    place: str
    """The path of the home's area."""
    household_id: int
    resident_id: int | None
    since: dt.datetime
    """When its ladder began: raised, or when its severity rose last."""
    raised_at: dt.datetime
    state: AlertState = "raised"
    """The state at ``since``."""
    happenings: tuple[Happening, ...] = ()
    taken_at: dt.datetime | None = None
    """When a person had it first; None: nobody ever."""
    taker: str = ""
    """The staff code of whoever took it first; empty: not known."""
    intervened: str = ""
    """Anything else that had a hand in it, so that the record may differ: 'severity', 'merged', 'rested', 'paused'."""
    calls: tuple[Call, ...] = ()
    """As recorded."""
    standings: tuple[Standing, ...] = ()
    """The approved grades of whom it is about, as they are today."""


class Reach:
    """Whom steps reach, by a roster: laid out once, so that ten thousand alerts are asked quickly.

    The same people in the same order as ``dispatch.ladders.people.addressees`` gives, which a property test holds.
    """

    def __init__(self, roster: Roster, family: Mapping[int, Sequence[tuple[int, FamilyMember]]]) -> None:
        """``family``: by household, (resident's id, contact) with consent, in the order of calling."""
        self._roster, self._family = roster, family
        self._segments: dict[int, tuple[list[dt.datetime], list[tuple[Person, ...]]]] = {}
        self._near: dict[str, tuple[Post, ...]] = {}
        self._known: dict[
            tuple[tuple[StepTarget, ...], str, int], tuple[Told, ...] | list[tuple[Told, ...] | FamilyTarget]
        ] = {}
        by_post = defaultdict(list)
        for stint in stints(roster, roster.since, roster.until):
            by_post[stint.organisation_id].append((stint.starts_at, stint.ends_at, roster.people[stint.staff_id]))
        edges = {roster.since, roster.until}
        for post, spans in by_post.items():
            self._segments[post] = _segments(spans)
            edges |= {edge for start, end, _ in spans for edge in (start, end)}
        day = roster.since.astimezone(SHANGHAI).date()
        while (moment := dt.datetime.combine(day, dt.time(0), SHANGHAI)) < roster.until:
            edges.add(moment.astimezone(dt.UTC))  # certificates end at midnight
            day += _DAY
        self._edges = sorted(edges)

    def near(self, place: str) -> tuple[Post, ...]:
        """The organisations that serve a place, the nearest first."""
        if place not in self._near:
            self._near[place] = serving(self._roster, place)
        return self._near[place]

    def of(self, policy: Policy, step: int, alert: PastAlert, at: dt.datetime) -> tuple[Told, ...]:
        """List whom a step (from 0) tells at a time, each once."""
        targets = policy.steps[step].targets
        key = (targets, alert.place, bisect_right(self._edges, at))
        parts = self._known.get(key)
        if parts is None:
            each = [
                target if isinstance(target, FamilyTarget) else self._told(target, alert.place, at)
                for target in targets
            ]
            fixed = [part for part in each if not isinstance(part, FamilyTarget)]
            parts = self._known[key] = _once(fixed) if len(fixed) == len(each) else each
        return parts if isinstance(parts, tuple) else _once(self._of_family(part, alert)
            if isinstance(part, FamilyTarget) else part for part in parts)  # fmt: skip

    def _told(
        self, target: OnDutyTarget | OrganisationTarget | ServiceTarget, place: str, at: dt.datetime
    ) -> tuple[Told, ...]:
        if isinstance(target, ServiceTarget):
            return (("service", target.key),)
        posts = [post for post in self.near(place) if post.kind in target.kinds]
        if isinstance(target, OrganisationTarget):
            return tuple(("organisation", post.code) for post in posts)
        people = {person.id: person for post in posts for person in self._on_duty(post, at) if person.reachable}
        today = at.astimezone(SHANGHAI).date()
        ranked = sorted(people.values(), key=lambda person: not _qualified(person, today))
        return tuple(("staff", person.code) for person in ranked[: target.most or None])

    def _on_duty(self, post: Post, at: dt.datetime) -> tuple[Person, ...]:
        starts, people = self._segments.get(post.id, ([], []))
        place = bisect_right(starts, at) - 1
        return people[place] if place >= 0 else ()

    def _of_family(self, target: FamilyTarget, alert: PastAlert) -> list[Told]:
        members: dict[str, FamilyMember] = {}
        for resident, member in self._family.get(alert.household_id, ()):
            if alert.resident_id is None or resident == alert.resident_id:
                members.setdefault(member.phone, member)
        chosen = list(members.values())[target.first - 1 : target.first - 1 + target.most]
        return [("contact", member.key) for member in chosen]


def _once(parts: Iterable[Iterable[Told]]) -> tuple[Told, ...]:
    return tuple(dict.fromkeys(one for part in parts for one in part))


def _segments(
    spans: Sequence[tuple[dt.datetime, dt.datetime, Person]],
) -> tuple[list[dt.datetime], list[tuple[Person, ...]]]:
    """The moments at which somebody comes or goes, and who is there from each on, by code."""
    changes = defaultdict(list)
    for start, end, person in spans:
        changes[start].append((1, person))
        changes[end].append((-1, person))
    there: dict[int, int] = defaultdict(int)
    people: dict[int, Person] = {}
    starts, each = [], []
    for at in sorted(changes):
        for change, person in changes[at]:
            there[person.id] += change
            people[person.id] = person
        starts.append(at)
        present = (people[number] for number, count in there.items() if count > 0)
        each.append(tuple(sorted(present, key=lambda person: person.code)))
    return starts, each


def _qualified(person: Person, today: dt.date) -> bool:
    needs = ROLES[person.role].needs if person.role in ROLES else frozenset()
    return not needs or any(one.kind in needs and one.valid(today) for one in person.certificates)
