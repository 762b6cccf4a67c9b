"""Duties of law about personal data as data: where each is met, and the test that shows it; the impact assessment."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

import msgspec

STATES: Mapping[str, tuple[str, str]] = {
    "met": ("已满足", "met"), "partly": ("部分满足", "partly met"), "not": ("未满足", "not met"),
}  # fmt: skip


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """A duty of the Personal Information Protection Law."""

    article: str
    zh: str
    en: str
    state: Literal["met", "partly", "not"]
    where: str
    """The page that meets it."""
    tests: tuple[str, ...]
    """The tests that show it: file, or file::name."""
    open_zh: str
    """The part that is missing."""
    open_en: str


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """A risk of a use of sensitive data, with what is done against it (article 56)."""

    purpose: str
    risk_zh: str
    risk_en: str
    likely: Literal["low", "middle", "high"]
    grave: Literal["low", "middle", "high"]
    measures_zh: str
    measures_en: str


class _Duties(msgspec.Struct, frozen=True):
    duty: tuple[Duty, ...]


class _Risks(msgspec.Struct, frozen=True):
    risk: tuple[Risk, ...]


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


DUTIES = msgspec.convert(tomllib.loads(_text("duties.toml")), _Duties).duty
RISKS = msgspec.convert(tomllib.loads(_text("assessment.toml")), _Risks).risk
