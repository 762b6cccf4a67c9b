"""Try rules before they hold: for how many residents they would decide otherwise."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.visible import visible_residents
from care_services.core.facts import facts_of
from care_services.core.rules import Facts, RuleSet, Ruling


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of residents by what new rules would do to them."""

    residents: int
    otherwise: int
    """They would get something else than now."""
    unsettled: int
    """Something is unknown that could change the answer by the new rules: a person would have to ask."""


def compare(now: RuleSet, new: RuleSet, people: list[Facts]) -> Trial:
    """Decide for everybody by both. Facts of a request (not of a person) are unknown here. Pure."""
    before, after = [now.decide(one) for one in people], [new.decide(one) for one in people]
    return Trial(
        residents=len(people),
        otherwise=sum(_given(a) != _given(b) for a, b in zip(before, after, strict=True)),
        unsettled=sum(not one.settled for one in after),
    )


def _given(ruling: Ruling) -> object:
    return (dict(ruling.rule.then) if ruling.rule else None, ruling.settled)


def of_area(conn: Connection[Any], account: Account, now: RuleSet, new: RuleSet, on: dt.date) -> Trial:
    """The same for the residents of the account's area, by their facts on a day."""
    seen = facts_of(conn, visible_residents(conn, account), on)
    return compare(now, new, list(seen.values()))
