"""Measure the dry run of an escalation policy: a month of a district with ten thousand alerts."""

import datetime as dt
import random
import time

import msgspec

from bench.figures import Figure
from care_network.demo.places import COMPOUNDS
from care_network.duty.roster import Person, Post, Roster, Weekly
from dispatch.escalation.dry_run.course import compare, figures
from dispatch.escalation.dry_run.past import Happening, PastAlert, Reach
from dispatch.ladders.store import defaults

ALERTS, PEOPLE, DAYS = 10_000, 600, 30
LIMIT_S = 5.0
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def district(chance: random.Random) -> Roster:
    """Make a roster: shifts of eight hours, round the clock, of organisations at every level."""
    paths = sorted({".".join(one.area.path.split(".")[:level]) for one in COMPOUNDS for level in (2, 3, 4)})
    kinds = {2: "district_center", 3: "street_elder_center", 4: "community_station"}
    posts = [(path, kinds[path.count(".") + 1]) for path in paths]
    posts += [(path, "home_care_bed_team") for path in paths if path.count(".") == 2]
    people = {
        number: Person(id=number, code=f"S{number:04d}", name_zh="", name_en="", role="carer", phone="1",
                       account_id=None, skills=(), certificates=(), languages=("cmn",))
        for number in range(PEOPLE)
    }  # fmt: skip
    weekly = tuple(
        Weekly(
            staff_id=number, organisation_id=number % len(posts), shift="x",
            starts=dt.time((7 + 8 * (number % 3)) % 24), ends=dt.time((15 + 8 * (number % 3)) % 24),
            weekdays=tuple(sorted(chance.sample(range(1, 8), 5))), valid_from=dt.date(2026, 1, 1), valid_until=None,
        )
        for number in people
    )  # fmt: skip
    return Roster(
        since=NOW - dt.timedelta(days=DAYS + 1), until=NOW + dt.timedelta(days=1), people=people, weekly=weekly,
        posts={n: Post(id=n, code=f"o{n}", kind=kind, path=path, name_zh="", name_en="", phone="1")
               for n, (path, kind) in enumerate(posts)},
    )  # fmt: skip


def run() -> list[Figure]:
    """Compare a changed policy with the one in force on ten thousand alerts."""
    chance = random.Random(7)
    roster = district(chance)
    alerts = []
    for number in range(ALERTS):
        at = NOW - dt.timedelta(seconds=chance.randrange(DAYS * 86_400))
        taken = at + dt.timedelta(seconds=chance.expovariate(1 / 120))
        ends = taken + dt.timedelta(minutes=chance.expovariate(1 / 40))
        alerts.append(
            PastAlert(
                id=str(number), severity="urgent", place=chance.choice(COMPOUNDS).area.path, household_id=number,
                resident_id=None, since=at, raised_at=at, taken_at=taken,
                happenings=(
                    Happening(taken, "acknowledged"), Happening(taken + dt.timedelta(seconds=90), "responding"),
                    Happening(max(ends, taken + dt.timedelta(minutes=3)), "resolved", ends=True),
                ),
            )
        )  # fmt: skip
    policy = defaults()[1]
    draft = msgspec.structs.replace(policy, steps=policy.steps[1:2] + policy.steps[:1] + policy.steps[2:])
    begin = time.perf_counter()
    found = compare(alerts, defaults(), draft, Reach(roster, {}), NOW)
    figures([(one.alert, one.old) for one in found])
    figures([(one.alert, one.new) for one in found])
    seconds = time.perf_counter() - begin
    calls = sum(one.new.count for one in found)
    name = f"dry run of a policy on {len(found):,} alerts of a month ({calls:,} calls)"
    return [Figure(name=name, value=seconds, unit="s", reference=LIMIT_S, reference_name="limit")]
