"""Presets by condition: what a diagnosis, a drug or a device changes for a resident, as data in ``conditions.toml``.

A preset is in force while the parameter ``condition.<name>`` of the resident is 1, and is set, traced and withdrawn
like any parameter. Its values are looked up when they are needed and never copied: nothing is left of it afterwards.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from vocabulary.parameter import ResidentParameter
from vocabulary.toml import read_toml

PREFIX = "condition."


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset. ``source``: where its numbers come from.

    ``open``: its values that no source fixes, to be set by the physician; ``own``: why they are what they are.
    ``spo2_scale``: the scale of NEWS2 that it prescribes, 0: none.
    """

    zh: str
    en: str
    note_zh: str
    note_en: str
    source_zh: str
    source_en: str
    own_zh: str
    own_en: str
    open: list[str] = []
    values: dict[str, float] = {}
    spo2_scale: int = 0


@cache
def conditions() -> dict[str, Condition]:
    """Every preset by the name of its parameter, ``condition.copd``."""
    text = files("alerting.tuning").joinpath("conditions.toml").read_text("utf-8")
    return {PREFIX + name: one for name, one in msgspec.convert(read_toml(text), dict[str, Condition]).items()}


def condition_parameters() -> dict[str, ResidentParameter]:
    """The parameter of each preset: 1 puts it in force."""
    return {name: ResidentParameter(0, 0, 1, "", one.zh, one.en) for name, one in conditions().items()}


def in_force(values: Mapping[str, float]) -> dict[str, Condition]:
    """The presets that these values of a resident put in force."""
    return {name: one for name, one in conditions().items() if values.get(name, 0) >= 1}


def preset_values(values: Mapping[str, float]) -> dict[str, float]:
    """The values that these presets give together."""
    return {name: value for one in in_force(values).values() for name, value in one.values.items()}
