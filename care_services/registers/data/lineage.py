"""Lineage of the figures for decisions: what each reads, from which tables that is counted, where their rows come from.

It stands in ``lineage.toml``; a test reads the program's own queries and fails where they ask for another table.
"""

from functools import cache
from importlib import resources

import msgspec

from care_services.registers.data.classes import Group, group_of
from vocabulary.toml import read_toml


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that people decide by. ``reads``: counted tables, with blanks between; ``by``: the code that reads."""

    zh: str
    en: str
    page: str
    reads: str
    by: str


class Counting(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Tables that are counted from others, how often, and by which code."""

    tables: str
    from_: str
    by: str
    every_zh: str
    every_en: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A counted table of a figure, and the tables it is counted from with the groups that say where they come from."""

    table: str
    counting: Counting
    sources: tuple[tuple[Group, tuple[str, ...]], ...]


class _File(msgspec.Struct, frozen=True):
    figure: tuple[Figure, ...]
    counted: tuple[Counting, ...]


@cache
def _file() -> _File:
    return msgspec.convert(read_toml(resources.files(__package__).joinpath("lineage.toml").read_text("utf-8")), _File)


def countings() -> tuple[Counting, ...]:
    """All tables that are counted from others."""
    return _file().counted


@cache
def lineage() -> tuple[tuple[Figure, tuple[Step, ...]], ...]:
    """Each figure with its steps back to where the data come from."""
    return tuple((one, tuple(_step(table) for table in one.reads.split())) for one in _file().figure)


def _step(table: str) -> Step:
    counting = next(one for one in countings() if table in one.tables.split())
    found: dict[str, tuple[Group, list[str]]] = {}
    for source in counting.from_.split():
        group = group_of(source)
        if group is not None:
            found.setdefault(group.zh, (group, []))[1].append(source)
    return Step(table=table, counting=counting, sources=tuple((group, tuple(names)) for group, names in found.values()))


def feeds(table: str) -> tuple[Figure, ...]:
    """The figures in which the rows of a table end up, at first hand or counted."""
    counted = {name for one in countings() if table in one.from_.split() for name in one.tables.split()} | {table}
    return tuple(one for one, _ in lineage() if counted & set(one.reads.split()))
