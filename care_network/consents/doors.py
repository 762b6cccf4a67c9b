"""Read the list of doors: every place where data of a resident leaves for somebody, and where the program asks."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import msgspec

from care_network.consents.purposes import PURPOSES, Basis


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A way on which data of residents leaves."""

    code: str
    zh: str
    en: str
    purpose: str = ""
    """The purpose whose consent is asked at each use; empty: by another basis."""
    basis: Basis = "consent"
    asks: dict[str, str]
    """By file: the words in it that ask, or that bound who gets it."""
    sends: tuple[str, ...] = ()
    """Programs of this way that talk to the outside."""
    tests: tuple[str, ...]
    open_zh: str = ""
    """The part that is missing; empty: nothing."""
    open_en: str = ""


class _File(msgspec.Struct, frozen=True):
    door: tuple[Door, ...]
    nobody: dict[str, str]


def read_doors(text: str) -> tuple[tuple[Door, ...], Mapping[str, str]]:
    """Read doors, and programs that carry nothing out, from TOML. Raises ValueError where a door is not whole."""
    found = msgspec.convert(tomllib.loads(text), _File)
    for one in found.door:
        if bool(one.purpose) != (one.basis == "consent"):
            raise ValueError(f"{one.code}: a consent needs a purpose, and nothing else has one")
        if one.purpose and (one.purpose not in PURPOSES or not PURPOSES[one.purpose].asked):
            raise ValueError(f"{one.code}: there is no purpose {one.purpose!r} that is asked for")
        if not (one.asks and one.tests) and not one.open_zh:
            raise ValueError(f"{one.code}: say where it asks and what shows it, or what is missing")
    return found.door, found.nobody


DOORS, NOBODYS = read_doors((files(__package__) / "doors.toml").read_text("utf-8"))
