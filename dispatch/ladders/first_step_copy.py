"""Keep a copy of people and policies on disk, so that an emergency finds its first step with the database away."""

import contextlib
import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from care_network.ability.standing import Standing, approved, of_homes
from care_network.duty.loading import load_roster
from care_network.duty.roster import Roster, serving
from care_network.records.contacts import FamilyMember
from database.local_copy import replace_copy
from dispatch.ladders.by_grade import choose_for
from dispatch.ladders.people import Addressee, addressees
from dispatch.ladders.policy import FamilyTarget, Policy
from dispatch.ladders.store import defaults, policies_now

AHEAD = dt.timedelta(days=7)
BEHIND = dt.timedelta(hours=1)


class FirstSteps(msgspec.Struct, frozen=True):
    """Policies, roster and family: the facts that decide who is called first in an emergency."""

    policies: list[Policy]
    roster: Roster
    family: dict[int, list[FamilyMember]] = {}
    """By household; only where a first step calls the family."""
    standings: dict[int, list[Standing]] = {}
    """By household with an approved grade; everybody else climbs the ordinary ladder."""

    def first_step(
        self, severity: str, household_id: int, place: str, at: dt.datetime, resident_id: int | None = None
    ) -> tuple[Addressee, ...]:
        """List the people of the first step; empty: nobody. In a home of several residents each family counts.

        Raises ValueError where the roster is too old for ``at``.
        """
        near = [post.code for post in serving(self.roster, place)]
        people = [
            one for one in self.standings.get(household_id, []) if resident_id is None or one.resident_id == resident_id
        ]
        found = choose_for(self.policies, severity, near, at, people) or choose_for(
            defaults(), severity, near, at, people
        )
        if found is None:
            return ()
        return addressees(found.policy.steps[0], self.roster, place, self.family.get(household_id, []), at)


class FirstStepsCopy:
    """The first steps and their copy on disk. A file of an older program is ignored: the database has the truth."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.first_steps: FirstSteps | None = None
        if file.exists():
            with contextlib.suppress(msgspec.DecodeError):
                self.first_steps = msgspec.json.decode(file.read_bytes(), type=FirstSteps)

    def refresh(self, conn: psycopg.Connection[Any], now: dt.datetime) -> None:
        """Read the first steps from the database, and write them to disk where they changed. Raises psycopg.Error."""
        policies = policies_now(conn)
        # The same to the hour, so that an unchanged roster is not written again and again.
        hour = now.replace(minute=0, second=0, microsecond=0)
        first_steps = FirstSteps(
            policies, load_roster(conn, hour - BEHIND, hour + AHEAD), _families(conn, policies, now),
            _standings(conn, policies),
        )  # fmt: skip
        if first_steps == self.first_steps:
            return
        self.first_steps = first_steps
        replace_copy(self._file, msgspec.json.encode(first_steps))


def _standings(conn: psycopg.Connection[Any], policies: list[Policy]) -> dict[int, list[Standing]]:
    """Of homes where somebody has an approved grade; nobody's where no emergency asks for one."""
    if not any(policy.grades and policy.severity == "emergency" for policy in policies):
        return {}
    return of_homes(conn, {household for household, _ in approved(conn)})


def _families(conn: psycopg.Connection[Any], policies: list[Policy], now: dt.datetime) -> dict[int, list[FamilyMember]]:
    targets = [target for policy in policies if policy.severity == "emergency" for target in policy.steps[0].targets]
    if not any(isinstance(target, FamilyTarget) for target in targets):
        return {}
    families: dict[int, list[FamilyMember]] = defaultdict(list)
    for household, *member in conn.execute(
        """
        SELECT r.household_id, r.code, c.phone, c.name_zh, c.name_en, c.language
        FROM contact c JOIN resident r ON r.id = c.resident_id WHERE c.consent_at <= %s
        ORDER BY r.household_id, c.call_order, r.code
        """,
        (now,),
    ):
        families[household].append(FamilyMember(*member))
    return dict(families)
