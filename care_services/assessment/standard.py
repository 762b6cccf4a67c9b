"""The standard as data: items with their levels in words, domains, grades and what makes a grade worse.

老年人能力评估规范 GB/T 42195-2022, in ``standard.toml``. Pure.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from care_network.catalogues.ability import Grade
from vocabulary.toml import read_toml


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer to an item: its points, and what it means."""

    score: int
    zh: str
    en: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A second-level item (二级指标)."""

    code: str
    zh: str
    en: str
    maximum: int
    note_zh: str
    note_en: str
    levels: tuple[Level, ...]
    """From the maximum down to 0."""

    def level(self, score: int) -> Level:
        """The answer of so many points."""
        return self.levels[self.maximum - score]


class Domain(msgspec.Struct, frozen=True):
    """A first-level domain (一级指标) with its items."""

    code: str
    zh: str
    en: str
    items: tuple[Item, ...]

    @property
    def maximum(self) -> int:
        """The sum that an independent person reaches."""
        return sum(item.maximum for item in self.items)


class Risk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sort of care-risk event (照护风险事件)."""

    code: str
    zh: str
    en: str


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """The whole standard."""

    name: str
    domains: tuple[Domain, ...]
    grades: tuple[tuple[Grade, int], ...]
    """(grade, least total), the best first."""
    risk_days: int
    risk_events: int
    risks: tuple[Risk, ...]

    @property
    def items(self) -> dict[str, Item]:
        """Every item by code, in order."""
        return {item.code: item for domain in self.domains for item in domain.items}

    @property
    def maximum(self) -> int:
        """The highest total: 90."""
        return sum(domain.maximum for domain in self.domains)


COMA_ITEM = "consciousness"
"""The item whose level 0 stands for stupor (昏睡) and coma (昏迷): only the coma decides at once."""
COMA = Level(0, "昏迷，意识丧失，对一般刺激全无反应", "coma: no consciousness, no reaction to a usual stimulus")
"""The second answer of 0 points of that item."""


@cache
def standard() -> Standard:
    """The standard, read once."""
    raw = read_toml(files(__package__).joinpath("standard.toml").read_text("utf-8"))
    scale = {int(score): Level(int(score), words["zh"], words["en"]) for score, words in raw["scale"].items()}
    return Standard(
        name=raw["standard"],
        domains=tuple(
            Domain(one["code"], one["zh"], one["en"], tuple(_item(item, scale) for item in one["item"]))
            for one in raw["domain"]
        ),
        grades=tuple((one["code"], one["from"]) for one in raw["grade"]),
        risks=msgspec.convert(raw["risk"], tuple[Risk, ...]),
        **raw["adjustments"],
    )


def _item(raw: Mapping[str, Any], scale: Mapping[int, Level]) -> Item:
    levels = msgspec.convert(raw["levels"], tuple[Level, ...]) if "levels" in raw else tuple(scale.values())
    return Item(
        code=raw["code"], zh=raw["zh"], en=raw["en"], maximum=raw["maximum"], note_zh=raw["note_zh"],
        note_en=raw["note_en"], levels=levels,
    )  # fmt: skip
