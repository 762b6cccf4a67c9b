"""The alerts of the simulated past as data (``kinds.toml``): what happened, how often, and how it ended."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

Subject = Literal["resident", "device", "gateway"]


class Ending(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which an alert of a kind ends; codes of ``dispatch/alerts/outcomes.py``."""

    weight: float = 0.0
    name: str = ""
    outcome: str | None = None
    """None: it ended by itself, or (``cancelled``) the resident took it back."""
    cancelled: bool = False
    cause: str = "unknown"
    injury: str = "unknown"
    hospital: str = "unknown"
    actions: tuple[str, ...] = ()
    visit: bool = False
    """Whether somebody went there."""
    note: str = ""
    """The dispatcher's words."""


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of alert. ``hours``: local hours at which it comes; ``weight``: its share of the alerts of a month."""

    rule: str
    severity: str
    subject: Subject
    device: str = ""
    reasons: tuple[tuple[str, str], ...]
    evidence: Mapping[str, Any]
    hours: tuple[int, int]
    weight: float
    service: str = "wellness_check"
    endings: tuple[Ending, ...]

    def ending(self, name: str) -> Ending:
        """The ending of that name."""
        return next(one for one in self.endings if one.name == name)


class _File(msgspec.Struct, frozen=True):
    kind: tuple[Kind, ...]


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds, by rule."""
    text = files(__package__).joinpath("kinds.toml").read_text(encoding="utf-8")
    return {kind.rule: kind for kind in msgspec.toml.decode(text, type=_File).kind}
