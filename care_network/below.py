"""Conditions by which a query keeps to the homes of an area, in the form that is quick where rows are seen by viewer.

A join of people, homes and areas beside a large table makes PostgreSQL ask for the rights of each row anew: it takes
the area for one of thousands (the comparison of paths says nothing of their number), and looks people up one by one.
Asked for as a set, and so that it cannot be made a join (``IS TRUE``), everybody's rights are found in one turn.
"""

from typing import LiteralString

AREAS: LiteralString = "(SELECT below.id FROM area below WHERE below.path <@ %(area)s::text::ltree)"
"""The areas at or below ``area``."""
HOMES: LiteralString = (
    f"(SELECT home.id FROM household home WHERE NOT home.synthetic AND (home.area_id IN {AREAS}) IS TRUE)"  # noqa: S608
)
"""The homes there, without those for tests."""
PEOPLE: LiteralString = f"(SELECT person.id FROM resident person WHERE (person.household_id IN {HOMES}) IS TRUE)"  # noqa: S608 - of constants
"""The residents there, without those of tests."""


def homes_below(column: LiteralString) -> LiteralString:
    """The condition that a home lies at or below the parameter ``area``."""
    return f"({column} IN {HOMES}) IS TRUE"


def people_below(column: LiteralString) -> LiteralString:
    """The condition that a resident lives at or below the parameter ``area``."""
    return f"({column} IN {PEOPLE}) IS TRUE"
