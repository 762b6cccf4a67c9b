"""Find the people of a step: those on duty now, organisations that serve the home, family with consent."""

import datetime as dt
from collections.abc import Iterator, Sequence

import msgspec

from care_network.duty.roster import OnDuty, Roster, on_duty, serving
from care_network.records.contacts import FamilyMember
from dispatch.channels.notifications import Recipient
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, OrganisationTarget, ServiceTarget, Step, StepTarget
from vocabulary.synthetic import RECIPIENT, is_synthetic


class Addressee(msgspec.Struct, frozen=True):
    """Somebody to notify, with the name for the alert's history."""

    recipient: Recipient
    name_zh: str
    name_en: str
    phone: str = ""
    """Number to which a message can go without the database; empty: none."""
    language: str = "zh"


def addressees(
    step: Step, roster: Roster, place: str, family: Sequence[FamilyMember], at: dt.datetime
) -> tuple[Addressee, ...]:
    """List the people of ``step`` for a home in the area ``place`` at that time, each once. Empty: nobody is there.

    Of a synthetic home nobody is told, whatever the ladder says, but the loop-back that proves the path.
    Raises ValueError where the roster does not cover ``at``.
    """
    if is_synthetic(place):
        return (Addressee(Recipient("service", RECIPIENT), "链路自检", "proof of the path"),)
    each: dict[Recipient, Addressee] = {}
    for target in step.targets:
        for one in _of(target, roster, place, family, at):
            each.setdefault(one.recipient, one)
    return tuple(each.values())


def _of(
    target: StepTarget,
    roster: Roster,
    place: str,
    family: Sequence[FamilyMember],
    at: dt.datetime,
) -> Iterator[Addressee]:
    match target:
        case OnDutyTarget():
            people: dict[int, OnDuty] = {}
            for one in on_duty(roster, at, place=place):
                if one.post.kind in target.kinds and one.person.reachable:
                    people.setdefault(one.person.id, one)
            # People whose licence has run out come last: better than nobody.
            ranked = sorted(people.values(), key=lambda one: not one.qualified)
            for one in ranked[: target.most or None]:
                person = one.person
                yield Addressee(
                    Recipient("staff", person.code),
                    f"{one.post.name_zh} {person.name_zh}",
                    f"{person.name_en}, {one.post.name_en}",
                    person.phone,
                    "zh" if {"cmn", "yue", "hak", "nan", "hsn", "wuu"} & set(person.languages) else "en",
                )
        case OrganisationTarget():
            for post in serving(roster, place):
                if post.kind in target.kinds:
                    yield Addressee(Recipient("organisation", post.code), post.name_zh, post.name_en, post.phone)
        case FamilyTarget():
            for member in family[target.first - 1 : target.first - 1 + target.most]:
                recipient = Recipient("contact", member.key)
                yield Addressee(recipient, f"家属 {member.name_zh}", member.name_en, member.phone, member.language)
        case ServiceTarget():
            yield Addressee(Recipient("service", target.key), target.key, target.key)
