"""Read the check lists, which are data, and check them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from care_services.core.employment import Level

Kind = Literal["own", "station", "street", "district"]
KINDS: tuple[Kind, ...] = ("own", "station", "street", "district")
Severity = Literal["minor", "major", "grave"]
LEVEL_OF: Mapping[Kind, Level] = {"own": "station", "station": "station", "street": "street", "district": "district"}
"""The level, at least, of who makes a check of that kind."""
FOLDER = Path(__file__).parent / "lists"


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thing to look at. ``days``: until a finding has to be mended."""

    code: str
    zh: str
    en: str
    severity: Severity
    days: int
    kinds: tuple[Kind, ...] = KINDS


class CheckList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The things to look at of one sort of service."""

    code: str
    edition: int
    """Counts up when items change: an old check keeps the edition that it was made by."""
    zh: str
    en: str
    providers: tuple[str, ...]
    """Kinds of organisation that it is for."""
    homes: Literal["", "meals", "visits"] = ""
    """By which residents' homes a provider's work can be looked at."""
    item: tuple[Item, ...]

    def items(self, kind: Kind) -> tuple[Item, ...]:
        """The items of a check of that kind."""
        return tuple(one for one in self.item if kind in one.kinds)


def read(text: str) -> CheckList:
    """Read a list. Raises msgspec.ValidationError, or ValueError for two items of one code or a check without any."""
    found = msgspec.convert(tomllib.loads(text), CheckList)
    codes = [one.code for one in found.item]
    if len(set(codes)) != len(codes) or not all(found.items(kind) for kind in KINDS):
        raise ValueError(f"list {found.code}: each item has its own code, and each kind of check an item")
    return found


@cache
def lists() -> Mapping[str, CheckList]:
    """All lists by code."""
    found = [read(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))]
    return {one.code: one for one in found}
