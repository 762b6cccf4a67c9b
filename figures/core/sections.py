"""Data of a page of figures: sections with a sentence, charts, tables and how they were counted. Pure.

A section is made once, in the reader's language; the page, the files and the printed report show the same one.
"""

from typing import Literal

import msgspec

Language = Literal["zh", "en"]
State = Literal["", "ok", "bad", "unknown"]


class Cell(msgspec.Struct, frozen=True):
    """A cell of a table. ``value``: of a workbook, a number where it is one; None: not known, which is not zero.

    ``link``: the list behind it (kind and filters, an address without its beginning). ``few``: too few cases to
    compare.
    """

    text: str
    value: float | int | str | None = None
    link: str = ""
    few: bool = False
    state: State = ""


class Column(msgspec.Struct, frozen=True):
    """A column's title, whether it holds numbers, and of times the unit of their values ('s')."""

    title: str
    number: bool = True
    unit: str = ""


class Table(msgspec.Struct, frozen=True):
    """``note``: below it; ``more``: (words, link) of a list with all of its lines; ``private``: it names
    homes, and is not printed."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    more: tuple[str, str] | None = None
    private: bool = False
    folded: bool = False
    """Shown on demand: numbers that stand in the picture already."""

    @property
    def wide(self) -> bool:
        """Whether it needs the whole width of a page."""
        return len(self.columns) > 7


class Line(msgspec.Struct, frozen=True):
    """One line of a run chart; ``sort``: how it is drawn."""

    name: str
    values: tuple[float | None, ...]
    sort: Literal["main", "second", "target", "middle"] = "main"


class RunPicture(msgspec.Struct, frozen=True):
    """Values by month. ``marked``: (first, last) places of runs that chance hardly makes."""

    title: str
    words: str
    """The picture in words, for those who do not see it."""
    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    unit: str = ""
    marked: tuple[tuple[int, int], ...] = ()


class Bar(msgspec.Struct, frozen=True):
    """A bar with its label; ``low`` to ``high``: its interval. ``few``: drawn pale."""

    label: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None
    few: bool = False


class BarPicture(msgspec.Struct, frozen=True):
    """Bars from 0 to ``top``."""

    title: str
    words: str
    bars: tuple[Bar, ...]
    top: float


class Stack(msgspec.Struct, frozen=True):
    """A bar of parts; ``parts`` in the order of the picture's names."""

    label: str
    parts: tuple[float, ...]
    text: str


class StackPicture(msgspec.Struct, frozen=True):
    """Bars whose parts are told apart by pattern as well as by colour."""

    title: str
    words: str
    names: tuple[str, ...]
    stacks: tuple[Stack, ...]


Picture = RunPicture | BarPicture | StackPicture


class Headline(msgspec.Struct, frozen=True):
    """A figure that stands for its section where two areas or years are compared; ``link``: as of a cell."""

    label: str
    text: str
    value: float | None = None
    link: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """``how``: how it is counted, with its sources."""

    code: str
    title: str
    sentence: str
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    headlines: tuple[Headline, ...] = ()
    how: tuple[str, ...] = ()


def pick(language: Language, zh: str, en: str) -> str:
    """The text in the reader's language."""
    return zh if language == "zh" else en
