"""The index in which residents are found: plain tuples in memory, looked through one after the other.

7,198 residents take some milliseconds, so no structure is needed that could be stale or wrong in another way than the
list itself. In memory and not in PostgreSQL, because the sounds of a name would have to be written by every path on
which a name is (commands, imports, the demonstration, SQL by hand), and one that forgets hides a person.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable

import msgspec

from care_network.search.pinyin import bare, fits, initials, sounds, spelling
from care_network.search.query import PHONE_LEAST, Query

CALLED = 3
"""The rank of a name that fits a form of address: the sex decides, too."""
WHOLE = 7
"""Digits of the shortest whole number; a code of the area may stand before it."""


class Telephone(msgspec.Struct, frozen=True):
    """A number by which somebody may call about a resident."""

    digits: str
    number: str
    """As it is written."""
    whose_zh: str
    """Empty: the home's own."""
    whose_en: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A resident, by all that is looked for and shown."""

    id: int
    code: str
    household: str
    name_zh: str
    name_en: str
    sex: str
    birth_date: dt.date
    ability_grade: str | None
    lives_alone: bool | None
    home_care_bed: bool = False
    path: str = ""
    """Of the compound."""
    street: str = ""
    """The path of the street; empty: none above the compound."""
    compound_zh: str
    compound_en: str
    street_zh: str
    street_en: str
    address_zh: str
    address_en: str
    telephones: tuple[Telephone, ...] = ()

    @property
    def room(self) -> str:
        """Building and room: what follows the compound in the address, or the whole address."""
        return self.address_zh.partition(self.compound_zh)[2] or self.address_zh

    def age(self, on: dt.date) -> int:
        """Years on a day."""
        born = self.birth_date
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


class Hit(msgspec.Struct, frozen=True):
    """Somebody who was found."""

    entry: Entry
    rank: int
    """0 fits best."""
    telephone: Telephone | None = None
    """The number by which they were found."""


class _Name(msgspec.Struct, frozen=True, kw_only=True):
    """A name that one or many people have, in plain forms."""

    zh: str
    en: str
    english: str
    """Letters alone."""
    spelling: str
    initials: str
    begins: tuple[frozenset[str], ...]
    """Of each character: itself, and the first letters of its readings."""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, as they are compared."""

    entry: Entry
    name: _Name
    codes: tuple[str, str]
    place: str
    numbers: frozenset[str]
    """Of the address: house, building, room."""
    telephones: str
    """The digits of all numbers, apart from each other: whoever is not in there is quickly passed by."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Things that a search is compared with, once for each name and compound and not for each resident."""

    query: Query
    ranks: dict[str, int]
    """Of the names that the whole of it tells."""
    compounds: frozenset[str]
    """Those whose sound it tells."""
    parts: tuple[tuple[str, frozenset[str], frozenset[str]], ...]
    """Of several: each, the names and the compounds that it tells."""


class Index:
    """Residents as they were at one moment."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        names: dict[tuple[str, str], _Name] = {}
        self._rows = [_row(entry, names) for entry in entries]
        self.entries: tuple[Entry, ...] = tuple(row.entry for row in self._rows)
        """All of them, in the order in which they were given."""
        self.paths = frozenset(entry.path for entry in self.entries)
        """Of the compounds in which anybody lives."""
        self._names = tuple(names.values())
        self._compounds = frozenset(row.entry.compound_zh for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, query: Query, compounds: Collection[str], most: int) -> tuple[list[Hit], int]:
        """The best ``most`` of those who live in ``compounds`` (paths), in order, and how many there are in all."""
        if not query.joined:
            return [], 0
        asked = self._ask(query)
        hits: list[tuple[tuple[int, str, str, str], Hit]] = []
        for row in self._rows:
            if row.entry.path not in compounds:
                continue
            rank, telephone = _rank(row, asked)
            if rank is not None:
                place = (rank, row.name.spelling, row.entry.name_zh, row.entry.code)
                hits.append((place, Hit(row.entry, rank, telephone)))
        hits.sort(key=lambda hit: hit[0])
        return [hit for _, hit in hits[:most]], len(hits)

    def _ask(self, query: Query) -> _Asked:
        ranks = {name.zh + name.en: rank for name in self._names if (rank := _name_rank(name, query)) is not None}
        parts = query.parts if len(query.parts) > 1 else ()
        return _Asked(
            query=query, ranks=ranks, compounds=self._sounding(query.joined),
            parts=tuple((part, self._named(part), self._sounding(part)) for part in parts),
        )  # fmt: skip

    def _sounding(self, typed: str) -> frozenset[str]:
        return frozenset(one for one in self._compounds if len(typed) > 1 and fits(bare(one), typed))

    def _named(self, part: str) -> frozenset[str]:
        if part.isdigit():
            return frozenset()
        return frozenset(one.zh + one.en for one in self._names if _tells(one, part) or part in one.en.split(" "))


def _row(entry: Entry, names: dict[tuple[str, str], _Name]) -> _Row:
    name = names.get((entry.name_zh, entry.name_en))
    if name is None:
        zh, en = bare(entry.name_zh), entry.name_en.lower()
        name = names[entry.name_zh, entry.name_en] = _Name(
            zh=zh, en=en, english=re.sub(r"[^a-z]", "", en), spelling=spelling(zh), initials=initials(zh),
            begins=tuple(
                frozenset((sign, *(one[0] for one in syllables)))
                for sign, syllables in zip(zh, sounds(zh), strict=True)
            ),
        )  # fmt: skip
    return _Row(
        entry=entry, name=name, codes=(entry.code.lower(), entry.household.lower()),
        place=bare(f"{entry.street_zh}{entry.compound_zh}{entry.address_zh}{entry.address_en}"),
        numbers=frozenset(re.findall(r"\d+", entry.address_zh)),
        telephones=" ".join(one.digits for one in entry.telephones),
    )  # fmt: skip


def _rank(row: _Row, asked: _Asked) -> tuple[int | None, Telephone | None]:
    """How well a row fits, and the telephone by which it does; None: not at all."""
    query = asked.query
    joined = query.joined
    if query.text in row.codes:
        return 0, None
    if len(query.digits) >= PHONE_LEAST and query.digits[-WHOLE:] in row.telephones:
        for telephone in row.entry.telephones:
            if _same(telephone.digits, query.digits):
                return 0, telephone
        for telephone in row.entry.telephones:
            if telephone.digits.endswith(query.digits):
                return 1, telephone
    rank = asked.ranks.get(row.name.zh + row.name.en)
    if rank is not None and not (rank == CALLED and query.sex and row.entry.sex != query.sex):
        return rank, None
    if joined.isdigit():
        return (6, None) if _has_number(row, joined) else (None, None)
    if len(joined) > 1 and (joined in row.place or row.entry.compound_zh in asked.compounds):
        return 5, None
    if asked.parts and all(
        _has_number(row, part)
        if part.isdigit()
        else row.name.zh + row.name.en in names or row.entry.compound_zh in compounds or part in row.place
        for part, names, compounds in asked.parts
    ):
        return 6, None
    return None, None


def _same(known: str, typed: str) -> bool:
    """Whether two numbers are one, where either may lack the area's code."""
    short, long = sorted((known, typed), key=len)
    return len(short) >= WHOLE and long.endswith(short)


def _has_number(row: _Row, part: str) -> bool:
    """Whether the address has this number, or a code ends with it."""
    return part in row.numbers or (len(part) >= PHONE_LEAST and any(code.endswith(part) for code in row.codes))


def _name_rank(name: _Name, query: Query) -> int | None:
    """How well a name fits the whole of a search; None: not at all."""
    joined = query.joined
    if joined in (name.zh, name.spelling, name.english):
        return 1
    if joined == name.initials or name.zh.startswith(joined) or name.spelling.startswith(joined):
        return 2
    if query.surname and (name.zh.startswith(query.surname) or name.en.split(" ")[0] == query.surname):
        return CALLED
    if name.english.startswith(joined) or (name.begins and joined[0] in name.begins[0] and fits(name.zh, joined)):
        return 4
    return 5 if (len(joined) > 1 or not joined.isascii()) and _tells(name, joined) else None


def _tells(name: _Name, typed: str) -> bool:
    """Whether ``typed`` tells characters of a name that follow each other, wherever they begin."""
    return any(typed[0] in begins and fits(name.zh, typed, start) for start, begins in enumerate(name.begins))
