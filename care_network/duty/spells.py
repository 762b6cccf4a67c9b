"""Unbroken times on duty, and the test before each: who is to be asked, and who has not answered. Pure.

Somebody whose shift follows directly on another is at work already: of their time only the beginning is tested.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec

from care_network.duty.roster import Roster, Stint, stints

ASK_AHEAD = dt.timedelta(minutes=60)
"""So long before a time on duty its people are asked."""
ANSWER_BY = dt.timedelta(minutes=30)
"""So long before it a person without an answer is not counted on."""
LEAST = dt.timedelta(minutes=15)
"""Time that everybody has to answer: somebody who was found half an hour before a shift to mend a hole in the roster
is asked at once, and is not called missing before they could take the telephone out of the pocket."""
BACK = dt.timedelta(days=1)
"""A time on duty that began earlier than this is looked at no more."""


class Spell(msgspec.Struct, frozen=True):
    """One person's unbroken time on duty, for one organisation after the other."""

    staff_id: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    stints: tuple[Stint, ...]


class DutyTest(msgspec.Struct, frozen=True, kw_only=True):
    """The question to one person before a spell."""

    staff_id: int
    starts_at: dt.datetime
    asked_at: dt.datetime
    answered_at: dt.datetime | None = None

    @property
    def judged_at(self) -> dt.datetime:
        """When a person without an answer counts as missing."""
        return max(self.starts_at - ANSWER_BY, self.asked_at + LEAST)


def spells(roster: Roster, since: dt.datetime, until: dt.datetime) -> list[Spell]:
    """List the spells that touch [since, until) of people who can be reached, by start and person.

    Raises ValueError where the roster does not cover the time.
    """
    by_person: dict[int, list[Stint]] = defaultdict(list)
    for stint in stints(roster, since, until):
        if roster.people[stint.staff_id].reachable:
            by_person[stint.staff_id].append(stint)
    found = [spell for of_one in by_person.values() for spell in _unbroken(of_one)]
    return sorted(found, key=lambda spell: (spell.starts_at, spell.staff_id))


def unasked(roster: Roster, tests: Iterable[DutyTest], now: dt.datetime) -> list[Spell]:
    """List the spells whose people are to be asked at this moment.

    Not asked is who answered within the hour before it, as where the beginning was moved. A spell that has begun is
    left out: who is at work is called for real.
    """
    answered = defaultdict(list)
    asked = set()
    for test in tests:
        asked.add((test.staff_id, test.starts_at))
        if test.answered_at is not None:
            answered[test.staff_id].append(test.answered_at)
    return [
        spell
        for spell in spells(roster, now - BACK, now + ASK_AHEAD + dt.timedelta.resolution)
        if now < spell.starts_at
        and (spell.staff_id, spell.starts_at) not in asked
        and not any(spell.starts_at - ASK_AHEAD <= at for at in answered[spell.staff_id])
    ]


def silent(every: Iterable[Spell], tests: Collection[DutyTest], now: dt.datetime) -> list[Spell]:
    """List the spells, of ``every``, that are not over and whose people were asked and have not answered in time.

    An answer that comes late counts from then on.
    """
    missing = {(test.staff_id, test.starts_at) for test in tests if test.answered_at is None and test.judged_at <= now}
    return [spell for spell in every if now < spell.ends_at and (spell.staff_id, spell.starts_at) in missing]


def _unbroken(of_one: Iterable[Stint]) -> Iterable[Spell]:
    run: list[Stint] = []
    ends_at = dt.datetime.min.replace(tzinfo=dt.UTC)
    for stint in of_one:  # by start
        if run and stint.starts_at > ends_at:
            yield Spell(run[0].staff_id, run[0].starts_at, ends_at, tuple(run))
            run = []
        ends_at = max(ends_at, stint.ends_at) if run else stint.ends_at
        run.append(stint)
    if run:
        yield Spell(run[0].staff_id, run[0].starts_at, ends_at, tuple(run))
